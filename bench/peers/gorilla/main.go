// Command gorilla is gorilla/websocket's chat example with named channels, TLS and a token: a hub
// in one goroutine, two goroutines a connection, what waits for a client joined to one message.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"
)

var upgrader = websocket.Upgrader{
	ReadBufferSize:  1024,
	WriteBufferSize: 1024,
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "--version" {
		fmt.Println(version())
		return
	}
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	certificate, err := tls.LoadX509KeyPair(os.Getenv("BENCH_CERTIFICATE"), os.Getenv("BENCH_KEY"))
	if err != nil {
		return fmt.Errorf("BENCH_CERTIFICATE, BENCH_KEY: %w", err)
	}
	listener, err := net.Listen("tcp", os.Getenv("BENCH_ADDRESS"))
	if err != nil {
		return fmt.Errorf("BENCH_ADDRESS: %w", err)
	}

	hub := newHub()
	go hub.run()

	secret := []byte(os.Getenv("BENCH_SECRET"))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws", func(w http.ResponseWriter, r *http.Request) {
		if err := authorize(r, secret); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		serveWs(hub, w, r)
	})
	server := &http.Server{
		Handler: mux,
		TLSConfig: &tls.Config{
			Certificates:           []tls.Certificate{certificate},
			MinVersion:             tls.VersionTLS13,
			SessionTicketsDisabled: true,
		},
		// A handshake that fails is the client's matter.
		ErrorLog: log.New(io.Discard, "", 0),
		// WebSocket upgrades are HTTP/1.1.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}

	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		<-ended.Done()
		server.Close()
	}()

	fmt.Println("ready")
	if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// version tells what the program is made of.
func version() string {
	build, _ := debug.ReadBuildInfo()
	for _, module := range build.Deps {
		if module.Path == "github.com/gorilla/websocket" {
			return fmt.Sprintf("gorilla/websocket %s, Go %s", module.Version[1:], build.GoVersion[2:])
		}
	}
	return "gorilla/websocket, Go " + build.GoVersion[2:]
}

// authorize checks the signature and the expiry of the request's bearer token.
func authorize(r *http.Request, secret []byte) error {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return errors.New("no bearer token")
	}
	_, err := jwt.ParseWithClaims(token, &jwt.RegisteredClaims{},
		func(*jwt.Token) (any, error) { return secret, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	return err
}

// serveWs upgrades a request and starts the two goroutines of its connection.
func serveWs(hub *Hub, w http.ResponseWriter, r *http.Request) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered.
	}
	client := &Client{hub: hub, conn: conn, send: make(chan []byte, 256)}
	client.hub.register <- client

	// Own goroutines, so that what the request held can be collected.
	go client.writePump()
	go client.readPump()
}
