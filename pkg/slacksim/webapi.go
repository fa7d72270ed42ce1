package slacksim

import (
	"bytes"
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxBody bounds any request body, in bytes.
const maxBody = 1 << 20

// DefaultScopes are what a bot that posts, opens modals and looks people up is granted.
var DefaultScopes = []string{
	"app_mentions:read", "channels:history", "channels:read", "chat:write", "commands", "groups:history", "groups:read",
	"im:history", "im:read", "im:write", "team:read", "users:read",
}

// apiError is Slack's {"ok":false,"error":code}.
type apiError struct {
	code     string
	messages []string // response_metadata.messages
	more     object   // further fields of the answer
}

func (e *apiError) Error() string { return e.code }

func apiErr(code string) *apiError { return &apiError{code: code} }

func missingArg(name string) *apiError {
	return &apiError{code: "invalid_arguments", messages: []string{"[ERROR] missing required field: " + name}}
}

// call is one Web API call with its arguments as strings: scalars as they are, arrays and objects as JSON.
type call struct {
	args map[string]string
	base string // the simulator's base URL
	now  time.Time

	channel, user, ts string // what the call turned out to be about, for the history
}

func (c *call) has(name string) bool { _, ok := c.args[name]; return ok }

func (c *call) flag(name string) bool {
	v := c.args[name]
	return v == "true" || v == "1"
}

// apiMethod is how the Web API treats one method.
type apiMethod struct {
	run       func(s *Sim, c *call) (object, error) // with Sim.mu held
	perMinute int
	scopes    []string // all needed whatever the arguments
	formOnly  bool     // Slack does not read JSON bodies here
	appToken  bool     // called with the app-level token
}

var apiMethods = map[string]apiMethod{
	"api.test":              {run: (*Sim).apiTest, perMinute: tier4},
	"apps.connections.open": {run: (*Sim).appsConnectionsOpen, perMinute: special, appToken: true},
	"auth.test":             {run: (*Sim).authTest, perMinute: special},
	"chat.postMessage":      {run: (*Sim).chatPostMessage, perMinute: special, scopes: []string{"chat:write"}},
	"chat.postEphemeral":    {run: (*Sim).chatPostEphemeral, perMinute: tier4, scopes: []string{"chat:write"}},
	"chat.update":           {run: (*Sim).chatUpdate, perMinute: tier3, scopes: []string{"chat:write"}},
	"chat.delete":           {run: (*Sim).chatDelete, perMinute: tier3, scopes: []string{"chat:write"}},
	"chat.getPermalink":     {run: (*Sim).chatGetPermalink, perMinute: special, formOnly: true},
	"conversations.open":    {run: (*Sim).conversationsOpen, perMinute: tier3, scopes: []string{"im:write"}},
	"conversations.info":    {run: (*Sim).conversationsInfo, perMinute: tier3, formOnly: true},
	"conversations.history": {run: (*Sim).conversationsHistory, perMinute: tier3},
	"conversations.replies": {run: (*Sim).conversationsReplies, perMinute: tier3, formOnly: true},
	"conversations.members": {run: (*Sim).conversationsMembers, perMinute: tier4, formOnly: true},
	"conversations.list":    {run: (*Sim).conversationsList, perMinute: tier2, formOnly: true},
	"users.info":            {run: (*Sim).usersInfo, perMinute: tier4, scopes: []string{"users:read"}, formOnly: true},
	"users.list":            {run: (*Sim).usersList, perMinute: tier2, scopes: []string{"users:read"}, formOnly: true},
	"users.conversations":   {run: (*Sim).usersConversations, perMinute: tier3, formOnly: true},
	"team.info":             {run: (*Sim).teamInfo, perMinute: tier3, scopes: []string{"team:read"}, formOnly: true},
	"views.open":            {run: (*Sim).viewsOpen, perMinute: tier4},
	"views.push":            {run: (*Sim).viewsPush, perMinute: tier4},
	"views.update":          {run: (*Sim).viewsUpdate, perMinute: tier4},
	"views.publish":         {run: (*Sim).viewsPublish, perMinute: tier4},
}

// handleAPI is /api/{method}.
func (s *Sim) handleAPI(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("method")
	method, known := apiMethods[name]
	args, argErr := readArgs(w, r, method.formOnly)
	token := bearer(r)
	if token == "" {
		token = args["token"]
	}
	delete(args, "token")
	c := &call{args: args, base: s.baseURL(r)}

	s.mu.Lock()
	fault := s.fault(name, args["channel"])
	s.mu.Unlock()
	if fault != nil && fault.Kind == FaultSlow {
		s.wait(r.Context(), fault.DelayMS, time.Second)
		fault = nil
	}
	c.now = s.cfg.Now()
	if fault != nil && !fault.Applied {
		s.mu.Lock()
		s.record(c, name, fault.Kind)
		s.mu.Unlock()
		s.answerFault(w, r, fault)
		return
	}

	s.mu.Lock()
	var answer object
	err := s.admit(token, name, known, method, argErr)
	if err == nil {
		answer, err = s.run(c, name, method)
	}
	code := ""
	if err != nil {
		code = errorCode(err)
	}
	s.record(c, name, code)
	granted := strings.Join(s.cfg.Scopes, ",")
	s.mu.Unlock()

	if fault != nil {
		s.answerFault(w, r, fault)
		return
	}
	w.Header().Set("X-OAuth-Scopes", granted)
	if len(method.scopes) > 0 {
		w.Header().Set("X-Accepted-OAuth-Scopes", strings.Join(method.scopes, ","))
	}
	if limited, ok := errors.AsType[*rateLimited](err); ok {
		writeRateLimited(w, limited.seconds)
		return
	}
	if err != nil {
		answer = errorAnswer(err)
	} else {
		answer["ok"] = true
	}
	writeJSON(w, http.StatusOK, answer)
}

// rateLimited is answered with a 429 instead of an ok:false.
type rateLimited struct{ seconds int }

func (*rateLimited) Error() string { return "ratelimited" }

// admit checks what Slack checks before it looks at the arguments. Expects Sim.mu held.
func (s *Sim) admit(token, name string, known bool, method apiMethod, argErr error) error {
	right, other := s.cfg.BotToken, s.cfg.AppToken
	if method.appToken {
		right, other = other, right
	}
	switch {
	case !known:
		return &apiError{code: "unknown_method", more: object{"req_method": name}}
	case argErr != nil:
		return argErr
	case name == "api.test": // the one method that needs no token
		return nil
	case token == "":
		return apiErr("not_authed")
	case same(token, other):
		return apiErr("not_allowed_token_type")
	case !same(token, right):
		return apiErr("invalid_auth")
	}
	return s.needScopes(method.scopes...)
}

// same tells secrets apart; nothing is the same as a secret that is not there.
func same(given, secret string) bool {
	return secret != "" && subtle.ConstantTimeCompare([]byte(given), []byte(secret)) == 1
}

// run counts the call against its limit and carries it out. Expects Sim.mu held.
func (s *Sim) run(c *call, name string, method apiMethod) (object, error) {
	if wait := s.meter.take(c.now, name, method.perMinute); wait > 0 {
		return nil, &rateLimited{wait}
	}
	return method.run(s, c)
}

// needScopes fails with missing_scope unless all are granted.
func (s *Sim) needScopes(needed ...string) error {
	for _, scope := range needed {
		if !slices.Contains(s.cfg.Scopes, scope) {
			return &apiError{code: "missing_scope", more: object{
				"needed": strings.Join(needed, ","), "provided": strings.Join(s.cfg.Scopes, ","),
			}}
		}
	}
	return nil
}

func errorCode(err error) string {
	var api *apiError
	var limited *rateLimited
	var invalid *ValidationError
	switch {
	case errors.As(err, &api):
		return api.code
	case errors.As(err, &limited):
		return "ratelimited"
	case errors.As(err, &invalid):
		return invalid.Code
	}
	return "internal_error"
}

func errorAnswer(err error) object {
	answer := object{"ok": false, "error": errorCode(err)}
	var invalid *ValidationError
	if errors.As(err, &invalid) && len(invalid.Problems) > 0 {
		problems, messages := []string{}, []string{}
		for _, p := range invalid.Problems {
			problems = append(problems, p.String())
			messages = append(messages, "[ERROR] "+p.String())
		}
		answer["errors"] = problems
		answer["response_metadata"] = object{"messages": messages}
	}
	if api, ok := errors.AsType[*apiError](err); ok {
		maps.Copy(answer, api.more)
		if len(api.messages) > 0 {
			answer["response_metadata"] = object{"messages": api.messages}
		}
	}
	return answer
}

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// readArgs reads a call's arguments from query, form or JSON body.
func readArgs(w http.ResponseWriter, r *http.Request, formOnly bool) (map[string]string, error) {
	args := map[string]string{}
	addForm := func(values url.Values) {
		for k, v := range values {
			args[k] = v[0]
		}
	}
	addForm(r.URL.Query())
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return args, apiErr("request_too_large")
	}
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		if formOnly {
			return args, nil // Slack ignores it, and then misses its arguments
		}
		return args, addJSON(args, body)
	case "multipart/form-data":
		r.Body = io.NopCloser(bytes.NewReader(body))
		if params["boundary"] == "" || r.ParseMultipartForm(maxBody) != nil {
			return args, apiErr("invalid_form_data")
		}
		addForm(r.MultipartForm.Value)
	case "", "application/x-www-form-urlencoded":
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return args, apiErr("invalid_form_data")
		}
		addForm(values)
	default:
		return args, apiErr("invalid_post_type")
	}
	return args, nil
}

func addJSON(args map[string]string, body []byte) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	if !json.Valid(body) {
		return apiErr("invalid_json")
	}
	var values map[string]json.RawMessage
	if json.Unmarshal(body, &values) != nil {
		return apiErr("json_not_object")
	}
	for k, raw := range values {
		if k == "token" || string(raw) == "null" {
			continue // a token in a JSON body does not count
		}
		var s string
		if json.Unmarshal(raw, &s) == nil {
			args[k] = s
		} else {
			args[k] = string(raw)
		}
	}
	return nil
}

// record keeps a call for GET /sim/history. Expects Sim.mu held.
func (s *Sim) record(c *call, method, code string) {
	args := make(map[string]json.RawMessage, len(c.args))
	for k, v := range c.args {
		raw := json.RawMessage(v)
		if !strings.HasPrefix(v, "{") && !strings.HasPrefix(v, "[") || !json.Valid(raw) {
			raw, _ = json.Marshal(v)
		}
		args[k] = raw
	}
	s.history.record(Call{
		At: c.now, Method: method, OK: code == "", Error: code,
		Channel: cmp.Or(c.channel, c.args["channel"]),
		User:    cmp.Or(c.user, c.args["user"], c.args["user_id"]),
		TS:      cmp.Or(c.ts, c.args["ts"]),
		Args:    args,
	})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the reader went away
}
