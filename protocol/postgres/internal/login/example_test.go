package login_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/login"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

func ExampleConnect() {
	target := protocol.Target{Name: "orders", Address: "127.0.0.1:1", Database: "orders"}
	credential := login.Login{User: "gateway", Password: login.NewSecret("…")}

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := net.Dial("tcp", target.Address)
	if err != nil {
		fmt.Println("the target is down; the login was", credential)
		return
	}
	defer conn.Close()
	server, err := login.Connect(ctx, conn, target, credential, wire.Params{{Name: "application_name", Value: "sallyport"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(server.Params.Get("server_version"))
	// Output: the target is down; the login was {User:gateway Password:[secret] Certificate: Database:}
}
