module gatepost/bench/peers/gorilla

go 1.24

require (
	github.com/golang-jwt/jwt/v5 v5.3.1
	github.com/gorilla/websocket v1.5.3
)
