package controller

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// Transport is how requests travel; one value serves every client of a run.
type Transport struct {
	// ProxyURL is the HTTP proxy (http or https, with user information if it
	// asks for it) that Settings.Via = ViaProxy goes through by CONNECT.
	// Without it every connection is direct: HTTP_PROXY and HTTPS_PROXY of the
	// environment are ignored, since they are about the way to AWS and rarely
	// lead to a lab network.
	ProxyURL string
	// Headers are sent with every request to CML, those that come before the
	// certificate is checked included.
	Headers map[string]string
	// RequestTimeout limits each request as a whole; 0 means DefaultRequestTimeout.
	RequestTimeout time.Duration
	// ConnectTimeout limits each attempt to connect; 0 leaves it to RequestTimeout.
	ConnectTimeout time.Duration
	// Dial opens TCP connections; nil means a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Sessions are shared between the clients of one run; nil gives each client
	// a session of its own.
	Sessions *Sessions
}

// DefaultRequestTimeout is the limit of one request to CML.
const DefaultRequestTimeout = 15 * time.Second

func (t Transport) requestTimeout() time.Duration {
	if t.RequestTimeout <= 0 {
		return DefaultRequestTimeout
	}
	return t.RequestTimeout
}

// dialTLS connects to the server, through the proxy if the settings say so,
// and completes the handshake.
func (c *Client) dialTLS(ctx context.Context, secret bool) (net.Conn, error) {
	if c.transport.ConnectTimeout > 0 {
		limited, cancel := context.WithTimeout(ctx, c.transport.ConnectTimeout)
		defer cancel()
		ctx = limited
	}
	target := net.JoinHostPort(c.ip, strconv.Itoa(c.settings.port()))
	var (
		raw net.Conn
		err error
	)
	if c.settings.Via == ViaProxy {
		raw, err = c.dialProxy(ctx, target)
	} else {
		raw, err = c.dial(ctx, target)
	}
	if err != nil {
		return nil, err
	}
	return handshake(ctx, raw, c.tlsConfig(secret))
}

func (c *Client) dial(ctx context.Context, addr string) (net.Conn, error) {
	if c.transport.Dial != nil {
		return c.transport.Dial(ctx, "tcp", addr)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
}

func handshake(ctx context.Context, raw net.Conn, config *tls.Config) (net.Conn, error) {
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		// The handshake's error says why; that of the close would not.
		_ = raw.Close()
		return nil, err
	}
	return conn, nil
}

// dialProxy asks the proxy for a tunnel (RFC 9110, 9.3.6). It is done here and
// not by http.Transport, because that one would check the certificate of an
// https proxy by the rule meant for CML's.
func (c *Client) dialProxy(ctx context.Context, target string) (net.Conn, error) {
	proxy, err := parseProxy(c.transport.ProxyURL)
	if err != nil {
		return nil, err
	}
	addr := proxy.Host
	if proxy.Port() == "" {
		addr = net.JoinHostPort(proxy.Hostname(), map[string]string{"http": "80", "https": "443"}[proxy.Scheme])
	}
	conn, err := c.dial(ctx, addr)
	if err != nil {
		reason, words := c.words(err)
		if reason != ReasonDNS {
			reason = ReasonProxy
		}
		return nil, &failure{reason, fmt.Errorf("the proxy %s %s", addr, words)}
	}
	if proxy.Scheme == "https" {
		conn, err = handshake(ctx, conn, &tls.Config{ServerName: proxy.Hostname(), RootCAs: c.trust.roots, MinVersion: tls.VersionTLS12})
		if err != nil {
			return nil, &failure{ReasonProxy, fmt.Errorf("TLS with the proxy %s: %w", addr, err)}
		}
	}
	if err := connect(ctx, conn, target, proxy.User); err != nil {
		_ = conn.Close()
		return nil, &failure{ReasonProxy, fmt.Errorf("the proxy %s does not connect to %s: %w", addr, target, err)}
	}
	return conn, nil
}

func parseProxy(text string) (*url.URL, error) {
	if text == "" {
		return nil, fault.New(fault.Invalid, `controller.via is "proxy", but the provider has no controller.proxy`)
	}
	proxy, err := url.Parse(text)
	if err != nil || proxy.Hostname() == "" || (proxy.Scheme != "http" && proxy.Scheme != "https") {
		// The text is not shown: it may hold a password.
		return nil, fault.New(fault.Invalid, "controller.proxy is no URL of the form http://host:port")
	}
	return proxy, nil
}

func connect(ctx context.Context, conn net.Conn, target string, user *url.Userinfo) error {
	// A canceled context breaks the exchange off.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: http.Header{}}
	if user != nil {
		password, _ := user.Password()
		basic := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		request.Header.Set("Proxy-Authorization", "Basic "+basic)
	}
	if err := request.Write(conn); err != nil {
		return interrupted(ctx, err)
	}
	// The other side of the tunnel is silent until our TLS hello, so the reader
	// cannot take more than the proxy's own answer.
	response, err := http.ReadResponse(bufio.NewReader(conn), request) //nolint:bodyclose // the body is the connection, which the caller closes
	if err != nil {
		return interrupted(ctx, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP %s", response.Status)
	}
	if !stop() {
		return context.Cause(ctx)
	}
	return nil
}

func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
