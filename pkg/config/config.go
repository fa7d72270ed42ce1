// Package config reads a program's configuration once, at its start, from the environment into one struct,
// and reports everything that is wrong with it at once.
//
//	type Config struct {
//		Bootstrap []string      `env:"KAFKA_BOOTSTRAP" required:"true" example:"kafka-1:9092,kafka-2:9092" desc:"Brokers to ask first"`
//		Password  string        `env:"KAFKA_PASSWORD" secret:"true" desc:"…"`
//		Grace     time.Duration `env:"SHUTDOWN_GRACE" default:"10s" desc:"…"`
//		Database  postgres.Config // structs without an env tag are walked
//	}
//
// A variable that is set to nothing counts as not set. Lists are separated by commas; blanks around their items are dropped.
// A secret, and a field tagged file:"true", can also be in a file: NAME_FILE names it (a mounted secret). Line ends at its end are dropped.
package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Load fills a C from environ ("NAME=value", as os.Environ gives it). Every struct in C that has a method
// Validate() []Fault or Validate() error is asked as well, innermost first.
// The error is an *Error with every fault found; values of secret variables never appear in it.
func Load[C any](environ []string) (C, error) {
	var c C
	l := loader{source: lookup(environ)}
	l.load(reflect.ValueOf(&c).Elem())
	if len(l.faults) > 0 {
		return c, &Error{Faults: l.faults}
	}
	return c, nil
}

// Variable describes one environment variable that a configuration reads.
type Variable struct {
	Name        string
	Default     string // "" without one
	Example     string // a value that would be accepted
	Description string
	Required    bool
	Secret      bool
	File        bool // NAME_FILE may name a file with the value instead
}

// Describe lists the variables that C reads, in the order of its fields: for tables in documentation and for help texts.
func Describe[C any]() []Variable {
	var all []Variable
	walk(reflect.ValueOf(new(C)).Elem(), func(_ reflect.Value, _ reflect.StructField, v Variable) { all = append(all, v) }, nil)
	return all
}

// A source gives the value of a variable.
type source func(name string) string

func lookup(environ []string) source {
	values := make(map[string]string, len(environ))
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		values[name] = value
	}
	return func(name string) string { return values[name] }
}

const fileSuffix = "_FILE"

type loader struct {
	source  source
	faults  []Fault
	secrets []string          // values that no fault may show
	example map[string]string // by variable
	unread  map[string]bool   // variables without a usable value
}

func (l *loader) load(c reflect.Value) {
	l.example, l.unread = map[string]string{}, map[string]bool{}
	walk(c, l.field, l.validate)
	for i := range l.faults {
		l.faults[i].Problem = mask(l.faults[i].Problem, l.secrets)
		if l.faults[i].Example == "" {
			l.faults[i].Example = l.example[l.faults[i].Variable]
		}
	}
}

func (l *loader) field(field reflect.Value, sf reflect.StructField, v Variable) {
	l.example[v.Name] = v.Example
	value, ok := l.value(v)
	if !ok {
		return
	}
	if value == "" {
		value = v.Default
	}
	if sf.Type.Kind() == reflect.Slice {
		value = trimItems(value, sf.Tag.Get("envSeparator"))
	}
	switch {
	case value == "" && v.Required:
		l.cannotRead(v.Name, "is not set")
		return
	case value == "":
		return
	case v.Secret:
		l.secrets = append(l.secrets, value)
	}
	if err := parse(field, sf, v.Name, value); err != nil {
		l.cannotRead(v.Name, problem(field.Type(), value, v.Secret, err))
	}
}

// value is what the variable, or the file that takes its place, says. Not ok: a fault was noted.
func (l *loader) value(v Variable) (_ string, ok bool) {
	value, other := l.source(v.Name), v.Name+fileSuffix
	file := ""
	if v.File {
		file = l.source(other)
	}
	switch {
	case file == "":
		return value, true
	case value != "":
		l.cannotRead(v.Name, "is set and so is "+other+": one of them is enough")
		return "", false
	}
	text, err := os.ReadFile(file)
	if err != nil {
		l.unread[v.Name] = true
		l.faults = append(l.faults, Fault{Variable: other, Problem: "cannot be read: " + err.Error(), Example: "/run/secrets/" + strings.ToLower(v.Name)})
		return "", false
	}
	return strings.TrimRight(string(text), "\r\n"), true
}

func (l *loader) cannotRead(variable, problem string) {
	l.unread[variable] = true
	l.faults = append(l.faults, Fault{Variable: variable, Problem: problem})
}

// parse gives the field alone to the library: its errors name the Go field, which is ambiguous in nested structs.
func parse(field reflect.Value, sf reflect.StructField, name, value string) error {
	one := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "Value", Type: sf.Type, Tag: sf.Tag}}))
	one.Elem().Field(0).Set(field)
	if err := env.ParseWithOptions(one.Interface(), env.Options{Environment: map[string]string{name: value}}); err != nil {
		return err
	}
	field.Set(one.Elem().Field(0))
	return nil
}

func (l *loader) validate(v reflect.Value) {
	var found []Fault
	switch c := v.Addr().Interface().(type) {
	case interface{ Validate() []Fault }:
		found = c.Validate()
	case interface{ Validate() error }:
		found = faultsOf(c.Validate())
	}
	for _, f := range found {
		// What could not be read is zero, and what Validate says about that would only confuse;
		// an embedded struct's Validate is promoted and so asked twice.
		if !l.unread[f.Variable] && !slices.Contains(l.faults, f) {
			l.faults = append(l.faults, f)
		}
	}
}

// walk calls leaf for each field with an env tag and, after the fields of a struct, after for that struct.
func walk(v reflect.Value, leaf func(reflect.Value, reflect.StructField, Variable), after func(reflect.Value)) {
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		if !sf.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(sf.Tag.Get("env"), ",")
		switch {
		case name != "" && name != "-":
			leaf(v.Field(i), sf, describe(sf, name, options))
		case name == "" && sf.Type.Kind() == reflect.Struct:
			walk(v.Field(i), leaf, after)
		}
	}
	if after != nil {
		after(v)
	}
}

func describe(sf reflect.StructField, name, options string) Variable {
	v := Variable{
		Name:        name,
		Default:     sf.Tag.Get("default"),
		Example:     sf.Tag.Get("example"),
		Description: sf.Tag.Get("desc"),
		Required:    sf.Tag.Get("required") == "true" || strings.Contains(options, "required") || strings.Contains(options, "notEmpty"),
		Secret:      sf.Tag.Get("secret") == "true",
	}
	v.File = v.Secret || sf.Tag.Get("file") == "true"
	if v.Default == "" {
		v.Default = sf.Tag.Get("envDefault") // the library's own name for it
	}
	if v.Example == "" {
		v.Example = v.Default
	}
	return v
}

func trimItems(list, separator string) string {
	if separator == "" {
		separator = ","
	}
	var items []string
	for item := range strings.SplitSeq(list, separator) {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return strings.Join(items, separator)
}

func faultsOf(err error) []Fault {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok { // what errors.Join made
		var all []Fault
		for _, e := range joined.Unwrap() {
			all = append(all, faultsOf(e)...)
		}
		return all
	}
	if several, ok := errors.AsType[*Error](err); ok {
		return several.Faults
	}
	if fault, ok := errors.AsType[Fault](err); ok {
		return []Fault{fault}
	}
	return []Fault{{Problem: err.Error()}}
}

func mask(text string, secrets []string) string {
	for _, s := range secrets {
		text = strings.ReplaceAll(text, s, "[redacted]")
		if quoted := strings.Trim(fmt.Sprintf("%q", s), `"`); quoted != s {
			text = strings.ReplaceAll(text, quoted, "[redacted]")
		}
	}
	return text
}
