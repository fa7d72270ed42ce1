module github.com/coffeebuddy/coffeebuddy/pkg/slacksim

go 1.26.0

require (
	github.com/coder/websocket v1.8.15
	github.com/slack-go/slack v0.35.0
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/gorilla/websocket v1.5.3 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)
