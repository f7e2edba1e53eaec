package cml

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
)

// baseConfig is the file from which a first boot takes the administrator (cml-api.md 8.2).
const baseConfig = "/etc/virl2-base-config.yml"

// userDataLimit bounds what is unpacked; EC2 itself takes 16 KiB.
const userDataLimit = 4 << 20

// adminOf finds the administrator of CML that user data set up: the account
// admins.controller of the base configuration in a cloud-config document, alone
// or as a part of a MIME message, each perhaps compressed. User data without one
// give nil.
func adminOf(userData []byte) (*Credentials, error) {
	documents, err := cloudConfigs(userData)
	if err != nil {
		return nil, err
	}
	var admin *Credentials
	for _, document := range documents {
		if !bytes.Contains(document, []byte("write_files")) {
			continue
		}
		config, err := parseYAML(string(document))
		if err != nil {
			return nil, fmt.Errorf("cloud-config: %w", err)
		}
		content, found, err := writtenFile(config, baseConfig)
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		admin, err = adminOfBaseConfig(content)
		if err != nil {
			return nil, err
		}
	}
	return admin, nil
}

// cloudConfigs returns the cloud-config documents in the user data.
func cloudConfigs(data []byte) ([][]byte, error) {
	data, err := unzip(data)
	if err != nil {
		return nil, err
	}
	head := bytes.ToLower(data[:min(len(data), 4096)])
	switch {
	case bytes.HasPrefix(data, []byte("#cloud-config")):
		return [][]byte{data}, nil
	case !bytes.Contains(head, []byte("content-type:")):
		return nil, nil // a script, or nothing
	}
	message, err := mail.ReadMessage(bytes.NewReader(bytes.TrimLeft(data, "\r\n")))
	if err != nil {
		return nil, fmt.Errorf("user data look like a MIME message and are none: %w", err)
	}
	kind, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return nil, err
	}
	var out [][]byte
	parts := multipart.NewReader(message.Body, params["boundary"])
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("user data, MIME part: %w", err)
		}
		var body io.Reader = part
		if strings.EqualFold(part.Header.Get("Content-Transfer-Encoding"), "base64") {
			body = base64.NewDecoder(base64.StdEncoding, part)
		}
		text, err := io.ReadAll(io.LimitReader(body, userDataLimit))
		if err != nil {
			return nil, fmt.Errorf("user data, MIME part: %w", err)
		}
		if text, err = unzip(text); err != nil {
			return nil, err
		}
		if bytes.HasPrefix(text, []byte("#cloud-config")) || strings.HasPrefix(part.Header.Get("Content-Type"), "text/cloud-config") {
			out = append(out, text)
		}
	}
}

func unzip(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return data, nil
	}
	reader, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("compressed user data: %w", err)
	}
	out, err := io.ReadAll(io.LimitReader(reader, userDataLimit))
	if err != nil {
		return nil, fmt.Errorf("compressed user data: %w", err)
	}
	return out, nil
}

// writtenFile is the content that a cloud-config writes to a path, decoded as
// its "encoding" says.
func writtenFile(config any, path string) (content string, found bool, err error) {
	for _, entry := range list(member(config, "write_files")) {
		if text(member(entry, "path")) != path {
			continue
		}
		content, found = text(member(entry, "content")), true
		encoding := strings.ToLower(text(member(entry, "encoding")))
		data := []byte(content)
		if strings.Contains(encoding, "b64") || strings.Contains(encoding, "base64") {
			compact := strings.Join(strings.Fields(content), "")
			if data, err = base64.StdEncoding.DecodeString(compact); err != nil {
				return "", false, fmt.Errorf("cloud-config, content of %s: %w", path, err)
			}
		}
		if data, err = unzip(data); err != nil {
			return "", false, err
		}
		content = string(data)
	}
	return content, found, nil
}

func adminOfBaseConfig(content string) (*Credentials, error) {
	config, err := parseYAML(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", baseConfig, err)
	}
	account := member(member(config, "admins"), "controller")
	admin := Credentials{Username: text(member(account, "username")), Password: text(member(account, "password"))}
	if admin.Username == "" || admin.Password == "" {
		return nil, fmt.Errorf("%s: admins.controller needs username and password", baseConfig)
	}
	return &admin, nil
}

func member(value any, name string) any {
	object, _ := value.(map[string]any)
	return object[name]
}

func list(value any) []any {
	items, _ := value.([]any)
	return items
}

func text(value any) string {
	s, _ := value.(string)
	return s
}
