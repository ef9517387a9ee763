package command

import "testing"

func BenchmarkParse(b *testing.B) {
	for name, text := range map[string]string{
		"typical": "cd /srv/app && grep -n 'error' logs/app.log | tail -n 50",
		"ansible": `/bin/sh -c '( umask 77 && mkdir -p "` + "` echo ~/.ansible/tmp `" + `" && echo done ) && sleep 0'`,
		"scp":     "scp -p -t /srv/in",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Parse(text, false)
			}
		})
	}
}
