package message

import (
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// group is identical drinks, one line of a list: "2 × Flat white (Ana, Cem)".
type group struct {
	drink  string // as the first of them typed it
	orders int
	cups   int
	names  []string
}

// groups puts identical drinks together, whatever their case and spacing, in the order in which they were first ordered.
func groups(orders []*runv1.Order, names Names) []*group {
	var list []*group
	byDrink := map[string]*group{}
	for _, order := range orders {
		drink := shown(order.GetDrink())
		key := strings.ToLower(drink)
		g := byDrink[key]
		if g == nil {
			g = &group{drink: drink}
			byDrink[key] = g
			list = append(list, g)
		}
		cups := cupsOf(order)
		g.orders++
		g.cups += cups
		name := names.of(order.GetUserId())
		if cups > 1 {
			name = fmt.Sprintf("%s %d", name, cups)
		}
		g.names = append(g.names, name)
	}
	return list
}

func (g *group) String() string { return g.line(strings.Join(g.names, ", ")) }

func (g *group) line(names string) string {
	return fmt.Sprintf("%d × %s (%s)", g.cups, g.drink, names)
}

// short is the line in at most limit characters: names that do not fit are counted, and a drink may lose its end.
func (g *group) short(limit int) string {
	if line := g.String(); size(line) <= limit {
		return line
	}
	if len(g.names) == 1 {
		return cut(g.String(), limit)
	}
	left := limit - size(g.line(" and 299 others"))
	fitting := 0
	for fitting < len(g.names)-1 {
		if left -= size(g.names[fitting]) + len(", "); left < 0 {
			break
		}
		fitting++
	}
	names := plural(len(g.names)-fitting, "other", "others")
	if fitting == 0 {
		names = plural(len(g.names), "person", "people")
	} else {
		names = strings.Join(g.names[:fitting], ", ") + " and " + names
	}
	return cut(g.line(names), limit)
}

func cupsOf(order *runv1.Order) int { return max(1, int(order.GetQuantity())) }

func cups(orders []*runv1.Order) string {
	total := 0
	for _, order := range orders {
		total += cupsOf(order)
	}
	return plural(total, "cup", "cups")
}

// list shows groups within limit characters; the orders that do not fit are counted.
func list(all []*group, limit int) string {
	const more = "and %d more orders"
	left := limit - len("and 300 more orders")
	var lines []string
	for i, g := range all {
		line := g.short(maxLine)
		if left -= size(line) + 1; left < 0 {
			rest := 0
			for _, g := range all[i:] {
				rest += g.orders
			}
			lines = append(lines, fmt.Sprintf(more, rest))
			break
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// pages shows groups in full, in as many texts of at most limit characters as that takes.
func pages(all []*group, limit int) []string {
	var texts []string
	var lines []string
	left := limit
	turn := func() {
		if len(lines) > 0 {
			texts = append(texts, strings.Join(lines, "\n"))
		}
		lines, left = nil, limit
	}
	for _, g := range all {
		for rest := g.String(); rest != ""; { // one drink that 300 people ordered is longer than any page
			var line string
			line, rest = fit(rest, limit)
			if size(line)+1 > left {
				turn()
			}
			lines = append(lines, line)
			left -= size(line) + 1
		}
	}
	turn()
	return texts
}

// place is where the coffee is fetched or handed out, if that was said.
func place(run *runv1.Run) []slack.Block {
	if place := shown(run.GetPlace()); place != "" {
		return []slack.Block{small("📍 %s", place)}
	}
	return nil
}
