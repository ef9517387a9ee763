package command

import (
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// ip shows and changes the network.
func (c *call) ip() {
	// Its options are words that begin with one dash and may be cut short.
	const worst = write | destroy | access | code
	rest := c.args
	for len(rest) > 0 && rest[0].option() {
		if !rest[0].exact || !matches(rest[0].text, "-4 -6 -o -oneline -s -stats -statistics -d -details -h -human -j -json -p -pretty -t -c -color -br -brief -r -resolve") {
			c.unclear(worst, "an option that is not known")
		}
		rest = rest[1:]
	}
	c.does |= read
	if len(rest) == 0 {
		return
	}
	for i, a := range rest {
		if !a.exact {
			c.opaque(write|destroy|access|code, "an argument that is not literal")
			return
		}
		// "ip link s" is "ip link set".
		if i == 1 && !matches(a.text, "show list ls lst sh l get") && (a.text != "s" || !matches(rest[0].text, "a addr address r route ro n neigh")) {
			c.does |= write | destroy | access
			break
		}
	}
	if !matches(rest[0].text, "a addr address l link r route ro n neigh neighbour rule maddr mroute ntable tunnel") {
		c.opaque(write|destroy|access|code, "a command of it that is not known")
	}
}

// curl sends and fetches.
func (c *call) curl() {
	opts := "-sSLkgifIvNq0123546#aZ -X: -H: -A: -b: -e: -m: -u: -d: -F: -r: -w: -x: -y: -Y: -z: -o> -O!wd -J!wd -c> -D> -E<!s -T<!w -K<!c -C: -G -U: " +
		"--silent --show-error --location --insecure --fail --fail-with-body --head --include --verbose --compressed --request: --header: --user-agent: --max-time: " +
		"--connect-timeout: --retry: --retry-delay: --retry-max-time: --data: --data-raw: --data-urlencode: --data-binary: --json: --get --url!r --user: --output> --remote-name!wd " +
		"--write-out: --http1.1 --http2 --ipv4 --ipv6 --no-progress-meter --progress-bar --max-redirs: --cacert< --range: --proto: --tlsv1.2 --resolve: --noproxy: --upload-file<!w"
	c.fetches(opts, write|destroy|code)
	for i, a := range c.args {
		// What is sent may be a file's content.
		if a.exact && matches(a.text, "-d --data --data-binary --data-urlencode --json -F -H --header -b -w") && i+1 < len(c.args) {
			if v := c.args[i+1]; !v.exact {
				c.unclear(read, "sends a file")
			}
		}
		if strings.ContainsAny(a.text, "@<") && !strings.Contains(a.text, "://") {
			c.unclear(read, "sends a file")
		}
		if a.exact && (a.text == "--remote-name" || strings.HasPrefix(a.text, "-") && !strings.HasPrefix(a.text, "--") && strings.ContainsAny(a.text, "OJ") ||
			strings.Contains(a.text, "#") && !strings.Contains(a.text, "://")) {
			c.unclear(write|destroy, "a file that the server or a pattern names")
		}
		if a.exact && (matches(a.text, "-X --request -d --data --data-raw --data-binary --data-urlencode --json -F") || strings.HasPrefix(a.text, "-X") ||
			strings.HasPrefix(a.text, "-d") || strings.HasPrefix(a.text, "-F") || strings.HasPrefix(a.text, "--data") || strings.HasPrefix(a.text, "--request")) {
			c.does |= write
		}
	}
}

func (c *call) wget() {
	out := false
	for _, a := range c.args {
		out = out || a.exact && (strings.HasPrefix(a.text, "-O") || strings.HasPrefix(a.text, "--output-document") || a.text == "--spider" ||
			strings.HasPrefix(a.text, "-") && !strings.HasPrefix(a.text, "--") && (strings.HasSuffix(a.text, "O") || strings.HasSuffix(a.text, "O-")))
	}
	if !out {
		c.touch(literal("."), write|opaque)
	}
	c.fetches("-qvScNkxp46 -nv -nc -nd -O> -o> -a^ -P> -T: -t: -U: -w: -Q: -A: -R: -l: -r!wo --quiet --no-verbose --spider --server-response --timeout: --tries: "+
		"--user-agent: --header: --output-document> --output-file> --directory-prefix> --no-check-certificate --continue --timestamping --show-progress --method:!w --body-data:!w --post-data:!w --post-file<!w --body-file<!w",
		write|destroy|code)
}

// fetches judges a client of web servers. What a server does on being asked
// cannot be told from here.
func (c *call) fetches(opts string, worst protocol.Effects) {
	c.does |= read
	rest := c.options(&row{opts: opts, worst: worst})
	c.opaque(0, "speaks to a server")
	for _, a := range rest {
		name := unnamed
		if a.exact {
			name = a.text
		}
		if strings.HasPrefix(strings.ToLower(name), "file:") {
			if p, ok := strings.CutPrefix(name, "file://"); ok && strings.HasPrefix(p, "/") && !strings.ContainsAny(p, "%?#{}[]") {
				c.touch(literal(p), read)
				continue
			}
			c.touch(anything(), read)
			continue
		}
		c.object("url", name, read|opaque)
	}
}

func (c *call) hostname() {
	c.does |= read
	rest := c.options(&row{opts: "-fsiIdAy --fqdn --short --ip-address --all-ip-addresses --domain", worst: write | access})
	if len(rest) > 0 {
		c.does |= write | access
	}
}
