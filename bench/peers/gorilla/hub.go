package main

// Hub keeps the clients and the channels that they are subscribed to. One goroutine owns the maps.
type Hub struct {
	// The channels of each client; a client that is not in it has ended.
	clients map[*Client]map[string]bool

	// The clients of each channel.
	channels map[string]map[*Client]bool

	register   chan *Client
	unregister chan *Client
	subscribe  chan subscription
	publish    chan publication
}

type subscription struct {
	client  *Client
	channel string
	// What the client is sent once it is subscribed.
	confirmation []byte
}

type publication struct {
	channel string
	message []byte
}

func newHub() *Hub {
	return &Hub{
		clients:    make(map[*Client]map[string]bool),
		channels:   make(map[string]map[*Client]bool),
		register:   make(chan *Client),
		unregister: make(chan *Client),
		subscribe:  make(chan subscription),
		publish:    make(chan publication),
	}
}

func (h *Hub) run() {
	for {
		select {
		case client := <-h.register:
			h.clients[client] = make(map[string]bool)
		case client := <-h.unregister:
			h.remove(client)
		case s := <-h.subscribe:
			h.add(s)
		case p := <-h.publish:
			for client := range h.channels[p.channel] {
				h.deliver(client, p.message)
			}
		}
	}
}

func (h *Hub) add(s subscription) {
	mine, ok := h.clients[s.client]
	if !ok {
		return
	}
	mine[s.channel] = true
	if h.channels[s.channel] == nil {
		h.channels[s.channel] = make(map[*Client]bool)
	}
	h.channels[s.channel][s.client] = true
	h.deliver(s.client, s.confirmation)
}

// deliver queues a message; a client whose queue is full is cut, so that nobody waits for it.
func (h *Hub) deliver(client *Client, message []byte) {
	select {
	case client.send <- message:
	default:
		h.remove(client)
	}
}

func (h *Hub) remove(client *Client) {
	mine, ok := h.clients[client]
	if !ok {
		return
	}
	for channel := range mine {
		delete(h.channels[channel], client)
		if len(h.channels[channel]) == 0 {
			delete(h.channels, channel)
		}
	}
	delete(h.clients, client)
	close(client.send)
}
