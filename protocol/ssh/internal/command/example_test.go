package command_test

import (
	"fmt"

	"github.com/sallyport/sallyport/protocol/ssh/internal/command"
)

func ExampleParse() {
	l := command.Parse("cd /srv/app && rm -rf cache; sudo tail logs/app.log", false)
	fmt.Println(l.Verb, l.Effects)
	for _, o := range l.Objects {
		fmt.Println(o.Kind, o.Name, o.Effects)
	}
	l = command.Parse("scp -t /srv/in", false)
	fmt.Println(l.Verb, l.Paths)
	// Output:
	// exec read+write+destroy+opaque
	// command cd none
	// path /srv/app/cache write+destroy+opaque
	// command rm write+destroy+opaque
	// path /srv/app/logs/app.log read
	// path logs/app.log read
	// command tail read
	// command sudo read
	// scp.upload [/srv/in]
}
