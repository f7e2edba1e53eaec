package aws

import (
	"bytes"
	"encoding/xml"
	"sort"
	"strconv"
	"time"
)

// node is one XML element: text or children. The zero node is left out, so members that
// have no value need no special care; the query protocols send no empty members either.
type node struct {
	name string
	text string
	kids []node
	keep bool // also when empty
}

// text is an element with characters, left out when s is empty.
func text(name, s string) node { return node{name: name, text: s} }

func flag(name string, b bool) node { return text(name, strconv.FormatBool(b)) }

func number(name string, n int) node { return text(name, strconv.Itoa(n)) }

// amount is a number that is left out when zero.
func amount(name string, n int) node {
	if n == 0 {
		return node{}
	}
	return number(name, n)
}

// moment is a time in UTC with milliseconds, left out when zero. EC2 writes whole seconds
// with ".000Z"; here a power cycle takes less than a second and launch times must still differ.
func moment(name string, t time.Time) node {
	if t.IsZero() {
		return node{}
	}
	return text(name, stamp(t))
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// group is an element with children, left out when it has none.
func group(name string, kids ...node) node { return node{name: name, kids: kids} }

// list is an element that is sent even when it is empty, as EC2 does with sets.
func list(name string, members []node) node { return node{name: name, kids: members, keep: true} }

// collect makes one <item> per value.
func collect[T any](values []T, members func(T) []node) []node {
	out := make([]node, 0, len(values))
	for _, v := range values {
		out = append(out, node{name: "item", kids: members(v), keep: true})
	}
	return out
}

// texts makes one <item> with characters per value.
func texts(values []string) []node {
	out := make([]node, 0, len(values))
	for _, v := range values {
		out = append(out, node{name: "item", text: v, keep: true})
	}
	return out
}

// tagSet renders tags in the order of their keys.
func tagSet(tags map[string]string) node {
	if len(tags) == 0 {
		return node{}
	}
	return list("tagSet", collect(sortedKeys(tags), func(key string) []node {
		return []node{text("key", key), {name: "value", text: tags[key], keep: true}}
	}))
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

func (n node) empty() bool {
	if n.keep || n.text != "" {
		return false
	}
	for _, kid := range n.kids {
		if !kid.empty() {
			return false
		}
	}
	return true
}

func (n node) write(w *bytes.Buffer) {
	if n.name == "" || n.empty() {
		return
	}
	w.WriteString("<" + n.name + ">")
	_ = xml.EscapeText(w, []byte(n.text)) // a bytes.Buffer does not fail
	for _, kid := range n.kids {
		kid.write(w)
	}
	w.WriteString("</" + n.name + ">")
}

// document is a whole answer with the root's default namespace, which may be empty.
func document(root, namespace string, kids ...node) []byte {
	var w bytes.Buffer
	w.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	w.WriteString("<" + root)
	if namespace != "" {
		w.WriteString(` xmlns="` + namespace + `"`)
	}
	w.WriteString(">")
	for _, kid := range kids {
		kid.write(&w)
	}
	w.WriteString("</" + root + ">")
	return w.Bytes()
}
