package aws

import (
	"net/url"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/sallyport/sallyport/protocol/aws/internal/sts"
	"github.com/sallyport/sallyport/protocol/aws/internal/wire"
)

// aliases are the parameters that stand for variables of other names, which no
// rule tells.
var aliases = map[string]map[string][]string{
	"autoscaling": {"groupfriendlyname": {"autoscalinggroupname", "autoscalinggroupnames"}},
	"ec2":         {"securitygroupid": {"groupid", "groupids"}, "keypairname": {"keyname", "keynames"}},
	"events":      {"rulename": {"rule", "name"}},
	"glue":        {"tablename": {"name"}},
	"rds": {
		"dbclusterinstancename": {"dbclusteridentifier"}, "snapshotname": {"dbsnapshotidentifier"}, "clustersnapshotname": {"dbclustersnapshotidentifier"},
		"parametergroupname": {"dbparametergroupname"}, "clusterparametergroupname": {"dbclusterparametergroupname"}, "subnetgroupname": {"dbsubnetgroupname"},
	},
	"s3":  {"bucketname": {"bucket"}, "objectname": {"key"}},
	"ssm": {"parameternamewithoutleadingslash": {"name", "names", "path"}, "documentname": {"documentname", "name"}},
}

// plan is what is the same for all calls of an operation.
type plan struct {
	op        *model.Operation
	verb      string
	effects   protocol.Effects
	templates []template
	params    []string       // that may stand for a variable of a template, in lower case
	index     map[string]int // of params
	cousins   []int          // of params: those that longer names may end in, the longest first
}

// template makes ARNs. Its fixed ones are without variables.
type template struct {
	text  string
	parts []part
	fixed bool
}

// part is a variable of a template with the text before it. The text behind the
// last has a variable without a name.
type part struct {
	literal, variable string
	ambient           ambient
	params            []int // that may stand for it, of the plan's, the likeliest first
}

// ambient are the variables that are about where the call is made.
type ambient uint8

const (
	ambientEmpty ambient = iota // no variable
	ambientPartition
	ambientRegion
	ambientAccount
	ambients
	notAmbient = ambients
)

func ambientOf(variable string) ambient {
	switch variable {
	case "":
		return ambientEmpty
	case "Partition":
		return ambientPartition
	case "Region":
		return ambientRegion
	case "Account":
		return ambientAccount
	}
	return notAmbient
}

// plan returns the operation's plan, which is made once.
func (p *Plugin) plan(op *model.Operation) *plan {
	made, ok := p.plans.Load(op)
	if !ok {
		made, _ = p.plans.LoadOrStore(op, newPlan(op))
	}
	return made.(*plan)
}

func newPlan(op *model.Operation) *plan {
	p := &plan{op: op, verb: op.Service.Name + ":" + op.Name, effects: effects(op), index: map[string]int{}}
	for _, text := range op.Resources {
		p.templates = append(p.templates, p.template(text))
	}
	for i, param := range p.params {
		p.index[param] = i
		if len(param) >= 5 {
			p.cousins = append(p.cousins, i)
		}
	}
	slices.SortStableFunc(p.cousins, func(i, j int) int { return len(p.params[j]) - len(p.params[i]) })
	return p
}

// template reads a template. Its parameters become the plan's.
func (p *plan) template(text string) template {
	t := template{text: text, fixed: true}
	params := map[string][]int{} // of a variable that is there twice, the last place counts
	for rest := text; rest != ""; {
		literal, after, _ := strings.Cut(rest, "${")
		variable, tail, _ := strings.Cut(after, "}")
		rest = tail
		t.parts = append(t.parts, part{literal: literal, variable: variable, ambient: ambientOf(variable)})
		if ambientOf(variable) != notAmbient {
			continue
		}
		t.fixed = false
		params[variable] = nil
		for _, name := range candidates(p.op, kindOf(literal), strings.ToLower(variable)) {
			at := slices.Index(p.params, name)
			if at < 0 {
				at, p.params = len(p.params), append(p.params, name)
			}
			if !slices.Contains(params[variable], at) {
				params[variable] = append(params[variable], at)
			}
		}
	}
	for i := range t.parts {
		t.parts[i].params = params[t.parts[i].variable]
	}
	return t
}

// cousin returns the parameter that a longer name ends in, as SourceKeyId and
// TargetTableName do; -1 where there is none.
func (p *plan) cousin(name string) int {
	for _, i := range p.cousins {
		if param := p.params[i]; len(param) < len(name) && strings.HasSuffix(name, param) {
			return i
		}
	}
	return -1
}

// candidates returns the parameters that may stand for a variable, lower case,
// the likeliest first: names and ids of things are called in several ways.
func candidates(op *model.Operation, kind, variable string) []string {
	list := slices.Clone(aliases[op.Service.Name][variable])
	bases := []string{strings.TrimSuffix(strings.TrimSuffix(variable, "withpath"), "withoutleadingslash")}
	switch variable {
	case "id", "name", "resourceid", "resourcename", "resourcepath", "identifier":
		bases = []string{kind, variable}
	}
	for _, base := range bases {
		if base == "" {
			continue
		}
		list = append(list, base)
		stem := base
		for _, end := range []string{"name", "identifier", "id"} {
			if s, ok := strings.CutSuffix(base, end); ok && s != "" {
				stem = s
				break
			}
		}
		for _, end := range []string{"name", "id", "identifier", ""} {
			list = append(list, stem+end, stem+end+"s")
		}
	}
	if len(op.Resources) == 1 && op.Input != nil {
		for i := range op.Input.Members {
			if m := &op.Input.Members[i]; m.Required && strings.EqualFold(m.Name, "name") {
				list = append(list, "name")
			}
		}
	}
	return list
}

// kindOf returns the word before a variable: of "…:instance/", instance.
func kindOf(literal string) string {
	literal = strings.TrimRight(literal, "/:")
	return strings.ToLower(strings.ReplaceAll(literal[strings.LastIndexAny(literal, "/:}")+1:], "-", ""))
}

// plain returns a value as it stands in ARNs.
func (a *arns) plain(service, name, value string) string {
	switch {
	case service == "lambda" && name == "functionname":
		value, _, _ = strings.Cut(value, ":") // the alias or version
	case service == "ssm" && (name == "name" || name == "names" || name == "path"):
		value, _, _ = strings.Cut(strings.TrimPrefix(value, "/"), ":") // the version or label
	case service == "route53" && (name == "id" || name == "hostedzoneid"):
		value = strings.TrimPrefix(value, "/hostedzone/")
	}
	return value
}

// special reports whether a parameter names a resource in a way of its own.
func special(service, name string) bool {
	switch service {
	case "s3":
		return name == "copysource" || name == "bucket"
	case "sqs":
		return name == "queueurl"
	case "lambda":
		return name == "functionname"
	case "kms":
		return strings.HasSuffix(name, "keyid")
	case "ec2":
		return name == "resources"
	}
	return false
}

// special takes in such a parameter, and reports whether that is all of it;
// sure says that the model knows it.
func (a *arns) special(service, name, value string, sure bool) bool {
	if !special(service, name) {
		return false
	}
	at := ":" + a.region + ":" + a.account + ":"
	switch service + " " + name {
	case "s3 copysource":
		a.copySource(value)
	case "s3 bucket":
		if strings.HasSuffix(value, "-s3alias") || strings.HasSuffix(value, "--ol-s3") {
			a.lost = true // an access point's other name
		}
		return false
	case "sqs queueurl":
		u, err := url.Parse(value)
		if err != nil {
			a.lost = true
			return true
		}
		parts := strings.Split(strings.Trim(u.Path, "/"), "/")
		queue, account := parts[len(parts)-1], a.account
		if n := len(parts); n == 2 && sts.ValidAccount(parts[0]) {
			account = parts[0]
		} else if n > 2 {
			a.lost = true // who knows which part counts
		}
		a.give("arn:"+a.partition+":sqs:"+a.region+":"+account+":"+queue, sure)
	case "lambda functionname":
		if parts := strings.Split(value, ":"); isARN(value) && len(parts) > 7 {
			a.give(value, sure) // with a version or alias
			a.give(strings.Join(parts[:7], ":"), sure)
			return true
		}
		account, rest, ok := strings.Cut(value, ":function:")
		if !ok || strings.Contains(account, ":") {
			return false
		}
		rest, _, _ = strings.Cut(rest, ":")
		a.give("arn:"+a.partition+":lambda:"+a.region+":"+account+":function:"+rest, sure)
	case "ec2 resources":
		prefix, _, _ := strings.Cut(value, "-")
		kind, ok := ec2Kinds[prefix]
		if !ok {
			kind = "*"
		}
		a.give("arn:"+a.partition+":ec2"+at+kind+"/"+value, sure)
	default: // the keys of KMS
		if !strings.HasPrefix(value, "alias/") {
			return false
		}
		a.give("arn:"+a.partition+":kms"+at+value, sure)
		a.told = a.told || sure && name == "keyid" // it stands for a key
	}
	return true
}

// aside takes in what a call is about besides: all that a tag picks, things in
// another account, and roles by their bare names.
func (a *arns) aside(service, name string, l *wire.Leaf) {
	of := func(kind string) {
		if !isARN(l.Value) {
			a.give("arn:"+a.partition+":iam::"+a.account+":"+kind+"/"+l.Value, false)
		}
	}
	switch name {
	case "accountid", "registryid", "catalogid", "awsaccountid", "resourceowneraccountid", "queueownerawsaccountid":
		a.lost = a.lost || a.account != "" && l.Value != a.account && sts.ValidAccount(l.Value)
	case "iaminstanceprofile", "jobflowrole":
		of("instance-profile")
	case "servicerole", "iamrole", "autoscalingrole":
		of("role")
	case "name":
		if strings.HasSuffix(l.Path, "IamInstanceProfile.Name") {
			of("instance-profile")
		}
	}
	for _, prefix := range []string{"Targets[", "TargetMaps[", "TargetLocations["} {
		a.lost = a.lost || service == "ssm" && strings.HasPrefix(l.Path, prefix)
	}
}

// placed reports whether a parameter's name says that it is for a resource.
func placed(name string) bool {
	one := strings.TrimSuffix(name, "s")
	for _, end := range []string{"arn", "arnlist", "id", "name", "identifier", "resource"} {
		if strings.HasSuffix(name, end) || strings.HasSuffix(one, end) {
			return true
		}
	}
	return false
}

func isARN(s string) bool { return strings.HasPrefix(s, "arn:") && strings.Count(s, ":") >= 5 }

// copySource takes in "bucket/key?versionId=id", percent-encoded; the bucket
// may be an ARN.
func (a *arns) copySource(s string) {
	s, _, _ = strings.Cut(s, "?versionId=")
	s = strings.TrimPrefix(unescaped(s), "/")
	if !strings.HasPrefix(s, "arn:") {
		s = "arn:" + a.partition + ":s3:::" + s
	}
	a.give(s, true)
	a.sources.add(s)
	if bucket, key, ok := strings.Cut(strings.TrimPrefix(s, "arn:"+a.partition+":s3:::"), "/"); ok && a.folds {
		other := "arn:" + a.partition + ":s3:::" + folded(bucket+"/"+key)
		a.give(other, true)
		a.sources.add(other)
	}
}

// ec2Kinds are the resources of EC2 by the beginning of their ids, where calls
// take ids of any kind.
var ec2Kinds = map[string]string{
	"ami": "image", "eipalloc": "elastic-ip", "eni": "network-interface", "i": "instance", "igw": "internet-gateway", "lt": "launch-template",
	"nat": "natgateway", "rtb": "route-table", "sg": "security-group", "snap": "snapshot", "subnet": "subnet", "tgw": "transit-gateway",
	"vol": "volume", "vpc": "vpc", "vpce": "vpc-endpoint",
}
