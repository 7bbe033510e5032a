package main

import (
	"bytes"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// Time allowed to write a message to the client.
	writeWait = 10 * time.Second

	// Time allowed to read the next pong from the client.
	pongWait = 60 * time.Second

	// Pings are sent with this period, which has to be less than pongWait.
	pingPeriod = (pongWait * 9) / 10

	// The largest message that a client may send.
	maxMessageSize = 64 * 1024
)

// Client stands between a connection and the hub.
type Client struct {
	hub *Hub

	conn *websocket.Conn

	// What waits to be written.
	send chan []byte
}

// readPump takes messages from the connection to the hub; all reads are its.
func (c *Client) readPump() {
	defer func() {
		c.hub.unregister <- c
		c.conn.Close()
	}()
	c.conn.SetReadLimit(maxMessageSize)
	c.conn.SetReadDeadline(time.Now().Add(pongWait))
	c.conn.SetPongHandler(func(string) error {
		return c.conn.SetReadDeadline(time.Now().Add(pongWait))
	})
	for {
		_, message, err := c.conn.ReadMessage()
		if err != nil || !c.handle(message) {
			return
		}
	}
}

// handle carries out one command; false when it is none.
func (c *Client) handle(message []byte) bool {
	if rest, ok := bytes.CutPrefix(message, []byte{'+'}); ok {
		c.hub.subscribe <- subscription{c, string(rest), message}
		return true
	}
	if rest, ok := bytes.CutPrefix(message, []byte{'>'}); ok {
		channel, _, _ := bytes.Cut(rest, []byte{' '})
		message[0] = '<'
		c.hub.publish <- publication{string(channel), message}
		return true
	}
	return false
}

// writePump takes messages from the hub to the connection; all writes are its.
func (c *Client) writePump() {
	ticker := time.NewTicker(pingPeriod)
	defer func() {
		ticker.Stop()
		c.conn.Close()
	}()
	for {
		select {
		case message, ok := <-c.send:
			c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			if !ok {
				// The hub has cut this client.
				c.conn.WriteMessage(websocket.CloseMessage, []byte{})
				return
			}
			if c.write(message) != nil {
				return
			}
		case <-ticker.C:
			c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			if c.conn.WriteMessage(websocket.PingMessage, nil) != nil {
				return
			}
		}
	}
}

// write sends a message, and all that wait behind it in the same frame. The example's NextWriter
// would cut what is longer than the write buffer into fragments.
func (c *Client) write(message []byte) error {
	if n := len(c.send); n > 0 {
		message = bytes.Clone(message)
		for ; n > 0; n-- {
			message = append(message, '\n')
			message = append(message, <-c.send...)
		}
	}
	return c.conn.WriteMessage(websocket.TextMessage, message)
}
