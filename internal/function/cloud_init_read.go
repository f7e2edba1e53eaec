package function

import (
	"encoding/base64"
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode"

	"github.com/hashicorp/terraform-plugin-framework/attr"

	"github.com/cml-infra/terraform-provider-cml/internal/publisher"
)

// readBoot reads and judges the argument of cloud_init.
func (r *reader) readBoot(v attr.Value) boot {
	var b boot
	all := r.object("", v, "hostname", "admin", "system", "publisher", "files", "commands")
	if all == nil {
		return b
	}
	if name, ok := r.text("hostname", all["hostname"]); ok {
		b.hostname = name
		if problem := hostnameProblem(name); problem != "" {
			r.problem("hostname", "%s", problem)
		}
	}
	b.admin = r.account("admin", all["admin"], adminNameProblem)
	b.system = r.account("system", all["system"], systemNameProblem)
	if !absent(all["system"]) && absent(all["admin"]) {
		r.problem("system", "needs `admin` beside it: CML takes both accounts from one file. Write `admin = { username = \"admin\", password = … }`.")
	}
	paths := map[string]string{}
	if !absent(all["admin"]) {
		paths[baseConfigPath] = "what `admin` and `system` write"
	}
	if b.publisher = r.publisher(all["publisher"]); b.publisher != nil {
		for _, f := range publisher.Files(*b.publisher) {
			paths[f.Path] = "what `publisher` writes"
		}
	}
	for i, item := range r.list("files", all["files"], "objects with `path` and `content`") {
		at := fmt.Sprintf("files[%d]", i)
		f := r.file(at, item)
		if f.path == "" {
			continue
		}
		if other, taken := paths[path.Clean(f.path)]; taken {
			r.problem(at+".path", "is %q, which is the path of %s already.", f.path, other)
		}
		paths[path.Clean(f.path)] = "`" + at + "`"
		b.files = append(b.files, f)
	}
	for i, item := range r.list("commands", all["commands"], "commands") {
		if c, ok := r.command(fmt.Sprintf("commands[%d]", i), item); ok {
			b.commands = append(b.commands, c)
		}
	}
	return b
}

// hostnameProblem holds a host name against RFC 1123 and the 64 characters of
// Linux (HOST_NAME_MAX).
func hostnameProblem(name string) string {
	const write = ` Write letters, digits and hyphens, as in "lab-01" or "lab-01.example.net", or leave it out.`
	switch {
	case name == "":
		return "is empty." + write
	case len(name) > 64:
		return fmt.Sprintf("has %d characters. Linux takes at most 64.", len(name))
	case !isHostname(name):
		return fmt.Sprintf("is %q, which is not a host name.", name) + write
	}
	return ""
}

// adminNameProblem: CML takes 1 to 32 characters (cml-api.md 2.1).
func adminNameProblem(name string) string {
	switch n := len([]rune(name)); {
	case n == 0:
		return "is empty. Write a user name of 1 to 32 characters, such as \"admin\"."
	case n > 32:
		return fmt.Sprintf("has %d characters. CML takes user names of at most 32.", n)
	case strings.ContainsFunc(name, unicode.IsControl):
		return "holds a control character. Write the user name on one line."
	}
	return ""
}

// systemName is what Ubuntu's adduser takes (adduser.conf, NAME_REGEX), in the
// 32 characters of useradd.
var systemName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

func systemNameProblem(name string) string {
	if systemName.MatchString(name) {
		return ""
	}
	return fmt.Sprintf("is %q, which is no user name of Linux. Write at most 32 lower-case letters, digits, hyphens and underscores that begin with a letter, such as \"sysadmin\".", name)
}

// shortestPassword is CML's policy (cml-api.md 8.1).
const shortestPassword = 8

func (r *reader) account(at string, v attr.Value, nameProblem func(string) string) *account {
	members := r.object(at, v, "username", "password")
	if members == nil {
		return nil
	}
	var a account
	var ok bool
	if a.username, ok = r.required(at, members, "username", "Write the user name that is to log in."); ok {
		if problem := nameProblem(a.username); problem != "" {
			r.problem(at+".username", "%s", problem)
		}
	}
	if a.password, ok = r.required(at, members, "password", "Write its password, best from an ephemeral variable."); ok {
		if n := len([]rune(a.password)); n < shortestPassword {
			r.problem(at+".password", "has %d characters. CML takes passwords of at least %d.", n, shortestPassword)
		}
	}
	return &a
}

var (
	// modePattern is an octal mode with or without the digit of the special bits.
	modePattern = regexp.MustCompile(`^0?[0-7]{3,4}$`)
	// ownerPattern is a user, or a user and a group, by name.
	ownerPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*(:[A-Za-z_][A-Za-z0-9_.-]*)?$`)
)

func (r *reader) file(at string, v attr.Value) file {
	f := file{owner: "root:root", permissions: "0600"}
	if absent(v) {
		r.problem(at, "is null. Write an object with `path` and `content`, or leave it out.")
		return f
	}
	members := r.object(at, v, "path", "content", "content_base64", "permissions", "owner")
	if members == nil {
		return f
	}
	if p, ok := r.required(at, members, "path", "Write the absolute path of the file."); ok {
		if !path.IsAbs(p) || path.Clean(p) == "/" || strings.HasSuffix(p, "/") || strings.ContainsFunc(p, unicode.IsControl) {
			r.problem(at+".path", "is %q. Write the absolute path of a file, as in \"/etc/motd\".", p)
		} else {
			f.path = p
		}
	}
	if text, ok := r.text(at+".content", members["content"]); ok {
		f.content = []byte(text)
	}
	if text, ok := r.text(at+".content_base64", members["content_base64"]); ok {
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			r.problem(at+".content_base64", "is not base64. Use filebase64() or base64encode(), or `content` for plain text.")
		}
		f.content = data
	}
	switch plain, encoded := absent(members["content"]), absent(members["content_base64"]); {
	case plain && encoded:
		r.problem(at, "has no content. Write `content`, or `content_base64` for what is not text.")
	case !plain && !encoded:
		r.problem(at, "has both `content` and `content_base64`. Leave one of them out.")
	}
	if mode, ok := r.text(at+".permissions", members["permissions"]); ok {
		if !modePattern.MatchString(mode) {
			r.problem(at+".permissions", "is %q. Write an octal mode in quotes, as in \"0644\".", mode)
		}
		f.permissions = "0" + strings.TrimPrefix(mode, "0")
	}
	if owner, ok := r.text(at+".owner", members["owner"]); ok {
		if !ownerPattern.MatchString(owner) {
			r.problem(at+".owner", "is %q. Write a user, or a user and a group, by name, as in \"root:root\".", owner)
		}
		f.owner = owner
	}
	return f
}

// command reads a string for the shell, or a list of words that go to the
// program as they are.
func (r *reader) command(at string, v attr.Value) (command, bool) {
	const write = "Write a string for the shell, or a list of strings: a program and its arguments."
	if absent(v) {
		r.problem(at, "is null. %s", write)
		return command{}, false
	}
	inner := r.bare(v)
	if inner == nil {
		return command{}, false // unknown
	}
	switch kind(inner) {
	case "a string":
		line, _ := r.text(at, v)
		if strings.TrimSpace(line) == "" {
			r.problem(at, "is empty. %s", write)
		}
		return command{line: line}, true
	case "a list":
		items, words := r.list(at, v, "strings"), []string{}
		if len(items) == 0 {
			r.problem(at, "is empty. %s", write)
		}
		for i, item := range items {
			if absent(item) {
				r.problem(fmt.Sprintf("%s[%d]", at, i), "is null. Write a string, or leave it out.")
			} else if word, ok := r.text(fmt.Sprintf("%s[%d]", at, i), item); ok {
				words = append(words, word)
			}
		}
		return command{words: words}, true
	}
	r.problem(at, "is %s. %s", kind(inner), write)
	return command{}, false
}
