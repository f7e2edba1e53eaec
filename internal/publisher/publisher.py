#!/usr/bin/python3
"""Sends what CML tells of itself to CloudWatch, as metrics of this instance.

Namespace CML/Worker, dimension InstanceId: IdleSeconds, RunningNodes,
LabsStarted, MemoryPercent, DiskPercent. What cannot be read is not sent: a
zero would be a lie, and an alarm on IdleSeconds may stop the machine.

Settings are in /etc/cml-publisher.json. Of the environment count
CML_PUBLISHER_CONFIG, CML_PUBLISHER_URL, AWS_EC2_METADATA_SERVICE_ENDPOINT,
AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_{CLOUDWATCH,SECRETS_MANAGER,SSM}, and for
AWS alone the usual variables of proxies. RUNTIME_DIRECTORY keeps CML's token.

Ends with 0: all sent. 1: a mistake in here. 2: settings or instance profile.
3: a part could not be read. 4: AWS refused or did not answer. 5: CML refused
the account. 75: CML is not up yet.
"""
import base64
import codecs
import datetime
import email.utils
import hashlib
import hmac
import http.client
import ipaddress
import json
import os
import re
import signal
import ssl
import sys
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

SETTINGS, PARTLY, AWS, REFUSED, NOT_UP = 2, 3, 4, 5, 75
WHOLE_RUN = 120  # seconds; the unit allows a little more
TELEMETRY, LABS = 50, 30  # seconds, of these
MAX_ANSWER = MAX_EVENT = 1 << 20  # bounds the memory
FIRST_REST, LONGEST_REST = 900, 3600  # seconds, after a refused login
ACTIVITY = {
    "start_lab", "stop_lab", "import_lab", "export_lab", "start_node", "stop_node", "queue_node", "boot_node",
    "wipe_node", "packet_capture", "user_activity",
}
SYSTEM_USER = "00000000-0000-"  # CML's built-in accounts
SUFFIXES = {  # of names of services, where it is not amazonaws.com
    "cn-": "amazonaws.com.cn", "us-iso-": "c2s.ic.gov", "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov", "eu-isoe-": "cloud.adc-e.uk", "eusc-": "amazonaws.eu",
}
secrets = set()  # never printed


def say(text, level=6):
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "[redacted]").replace(json.dumps(secret)[1:-1], "[redacted]")
    prefix = "<%d>" % level if "JOURNAL_STREAM" in os.environ else ""
    print(prefix + re.sub(r"[\x00-\x1f\x7f]+", " ", text), file=sys.stderr, flush=True)


class Problem(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Unreachable(Exception):
    """No answer. The text has no secret."""


class Unreadable(Exception):
    """An answer that is not what it should be. The text has no secret."""


class TooLong(BaseException):
    """The run has lasted for WHOLE_RUN. Nothing but main catches it."""


# ---- HTTP ------------------------------------------------------------------

class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Credentials go where they were meant to go, or nowhere."""

    def redirect_request(self, *_):
        return None


def opener(proxies, verify=True):
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    handlers = [NoRedirect(), urllib.request.HTTPSHandler(context=context)]
    if not proxies:
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


def start(via, method, url, headers, body, timeout):
    """Returns the open answer, whatever its status."""
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    try:
        return via.open(request, timeout=timeout)
    except urllib.error.HTTPError as answer:
        return answer
    except (OSError, http.client.HTTPException) as e:
        reason = getattr(e, "reason", None) or e
        raise Unreachable("%s: %s" % (urllib.parse.urlsplit(url).netloc, reason)) from None


def fetch(via, method, url, headers=None, body=None, timeout=10):
    with start(via, method, url, headers or {}, body, timeout) as answer:
        try:
            data = answer.read(MAX_ANSWER + 1)
        except (OSError, http.client.HTTPException) as e:
            raise Unreachable("%s: the answer breaks off: %s" % (urllib.parse.urlsplit(url).netloc, type(e).__name__)) from None
    if len(data) > MAX_ANSWER:
        raise Unreadable("an answer of more than %d bytes" % MAX_ANSWER)
    return answer.code, data


def no_number(text):
    raise ValueError(text)


def loads(data):
    try:
        return json.loads(data, parse_constant=no_number)
    except (ValueError, RecursionError):
        raise Unreadable("no JSON") from None


# ---- AWS -------------------------------------------------------------------

class Instance:
    """This machine, by the instance metadata service, version 2 only."""

    def __init__(self):
        self.base = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or "http://169.254.169.254"
        self.via = opener(proxies=False)
        self.headers = {"X-aws-ec2-metadata-token-ttl-seconds": "300"}
        token = self.ask("PUT", "/latest/api/token")
        secrets.add(token)
        self.headers = {"X-aws-ec2-metadata-token": token}
        self.id = self.ask("GET", "/latest/meta-data/instance-id")
        self.region = self.ask("GET", "/latest/meta-data/placement/region")
        roles = "/latest/meta-data/iam/security-credentials/"
        names = self.ask("GET", roles, missing="").split()
        if not names:
            raise Problem(SETTINGS, "this instance has no instance profile with a role; give it one that may put metrics and read the account of CML")
        self.role = names[0]
        answer = loads(self.ask("GET", roles + urllib.parse.quote(self.role)))
        try:
            self.key, self.secret, self.token = (answer[name] for name in ("AccessKeyId", "SecretAccessKey", "Token"))
        except (KeyError, TypeError):
            code = answer.get("Code") if isinstance(answer, dict) else None
            raise Problem(SETTINGS, "EC2 has no credentials for the role %s: %s" % (self.role, code)) from None
        secrets.update((self.secret, self.token))

    def ask(self, method, path, missing=None):
        for left in (2, 1, 0):
            try:
                status, data = fetch(self.via, method, self.base.rstrip("/") + path, self.headers, timeout=3)
            except Unreachable as e:
                status, data, why = 0, b"", str(e)
            else:
                why = "HTTP %d" % status
            if status == 200:
                return data.decode("utf-8", "replace").strip()
            if status == 404 and missing is not None:
                return missing
            if left == 0 or 400 <= status < 500:
                raise Problem(SETTINGS, "the instance metadata service does not answer %s: %s" % (path, why))
            time.sleep(1)


def sign(method, url, headers, body, region, service, key, secret, now):
    """Returns the headers with the signature of AWS, version 4, over all of them."""
    parts = urllib.parse.urlsplit(url)
    date = time.strftime("%Y%m%dT%H%M%SZ", now)
    headers = dict(headers, **{"Host": parts.netloc, "X-Amz-Date": date})
    lines = sorted((name.lower(), " ".join(value.split())) for name, value in headers.items())
    names = ";".join(name for name, _ in lines)
    query = "&".join(
        urllib.parse.quote(name, safe="-_.~") + "=" + urllib.parse.quote(value, safe="-_.~")
        for name, value in sorted(urllib.parse.parse_qsl(parts.query, keep_blank_values=True)))
    request = "\n".join([
        method, urllib.parse.quote(parts.path or "/", safe="/-_.~"), query,
        "".join("%s:%s\n" % line for line in lines), names, hashlib.sha256(body).hexdigest()])
    scope = "/".join([date[:8], region, service, "aws4_request"])
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(request.encode()).hexdigest()])
    mac = ("AWS4" + secret).encode()
    for part in scope.split("/") + [text]:
        mac = hmac.new(mac, part.encode(), hashlib.sha256).digest()
    headers["Authorization"] = "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s" % (key, scope, names, mac.hex())
    return headers


def endpoint(service, region):
    name = {"monitoring": "CLOUDWATCH", "secretsmanager": "SECRETS_MANAGER", "ssm": "SSM"}[service]
    given = os.environ.get("AWS_ENDPOINT_URL_" + name) or os.environ.get("AWS_ENDPOINT_URL")
    if given:
        return given.rstrip("/") + "/"
    suffix = next((s for prefix, s in SUFFIXES.items() if region.startswith(prefix)), "amazonaws.com")
    return "https://%s.%s.%s/" % (service, region, suffix)


def aws_error(data):
    """Returns code and message, of the JSON and of the query protocol."""
    text = data.decode("utf-8", "replace")
    try:
        error = json.loads(text)
        return str(error.get("__type", "")).split("#")[-1], str(error.get("message") or error.get("Message") or "")
    except (ValueError, AttributeError, RecursionError):
        found = [re.search("<%s>(.*?)</%s>" % (tag, tag), text, re.S) for tag in ("Code", "Message")]
        return tuple(m.group(1) if m else "" for m in found)


def ask_aws(me, service, region, operation, headers, body, action):
    url = endpoint(service, region)
    headers = dict(headers, **{"X-Amz-Security-Token": me.token, "User-Agent": "cml-publisher"})
    via = opener(proxies=True)
    for left in (2, 1, 0):
        signed = sign("POST", url, headers, body, region, service, me.key, me.secret, time.gmtime())
        try:
            status, data = fetch(via, "POST", url, signed, body)
        except Unreachable as e:
            code, message, again = "no answer", str(e), True
        else:
            if 200 <= status < 300:
                return data
            code, message = aws_error(data)
            again = status >= 500 or status == 429 or "Throttl" in code
            code = code or "HTTP %d" % status
        if left == 0 or not again:
            break
        time.sleep(3 - left)
    text = "%s in %s failed: %s: %s" % (operation, region, code, message[:500])
    if "AccessDenied" in code or "NotAuthorized" in code:
        if "KMS" in message or "kms:" in message:
            action = "kms:Decrypt"
        text += " -- allow %s to the role %s of the instance profile" % (action, me.role)
    raise Problem(AWS, text)


def read_secret(me, settings):
    """Returns what the reference names: text and version."""
    reference = settings.get("secretsmanager_secret_id") or settings.get("ssm_parameter_name")
    arn = reference.split(":")
    region = arn[3] if arn[0] == "arn" and len(arn) > 5 and arn[3] else me.region
    if settings.get("secretsmanager_secret_id"):
        service, target, question, action = "secretsmanager", "secretsmanager.GetSecretValue", {"SecretId": reference}, "secretsmanager:GetSecretValue"
    else:
        service, target, question, action = "ssm", "AmazonSSM.GetParameter", {"Name": reference, "WithDecryption": True}, "ssm:GetParameter"
    answer = loads(ask_aws(me, service, region, "%s of %s" % (target.split(".")[1], reference),
                           {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}, json.dumps(question).encode(), action))
    if service == "ssm":
        answer = answer.get("Parameter") or {}
        return answer.get("Value") or "", answer.get("Version")
    return answer.get("SecretString") or "", answer.get("VersionId")


def account(text, username):
    """Returns user name, password and token of a secret's text."""
    whole = text.strip()
    found = {"password": text.rstrip("\r\n")}
    if whole.startswith("{") and whole.endswith("}"):
        try:
            found = json.loads(whole)
        except (ValueError, RecursionError):
            raise Problem(SETTINGS, "the secret begins and ends like a JSON object, but is none") from None
    out = [found.get(name) or "" for name in ("username", "password", "token")]
    if not all(isinstance(value, str) for value in out):
        raise Problem(SETTINGS, "username, password and token of the secret must be texts")
    secrets.update(value for value in out[1:] if value)
    out[0] = out[0] or username
    if not out[2] and not (out[0] and out[1]):
        raise Problem(SETTINGS, "the secret needs username and password, or a token; `username` of the settings serves where it is a password alone")
    return out


# ---- CML -------------------------------------------------------------------

class Status(Exception):
    """CML's answer was no success."""

    def __init__(self, path, status, text):
        super().__init__("%s: HTTP %d%s" % (path.split("?")[0], status, text and ": " + text))
        self.status = status


class Kept:
    """What is remembered from one run to the next, for the owner's eyes only."""

    def __init__(self, key):
        directory = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
        self.file, self.key, self.value = directory and os.path.join(directory, "state.json"), key, {}
        try:
            with open(self.file, encoding="utf-8") as f:
                value = json.load(f)
            if value.pop("key") == key:
                self.value = value
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass

    def keep(self, **value):
        self.value = value
        if not self.file:
            return
        new = self.file + ".new"
        try:
            if os.path.lexists(new):
                os.unlink(new)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as f:
                json.dump(dict(value, key=self.key), f)
            os.replace(new, self.file)
        except OSError as e:
            say("CML's token cannot be kept, so every run logs in: %s" % e, 4)


class CML:
    """The controller on this machine, as one account."""

    def __init__(self, me, settings):
        self.me, self.settings = me, settings
        url = os.environ.get("CML_PUBLISHER_URL") or "https://127.0.0.1"
        self.base = url.rstrip("/") + "/api/v0"
        # Only root can listen there, and nothing leaves the machine; anywhere
        # else the certificate has to be right.
        host = urllib.parse.urlsplit(url).hostname or ""
        try:
            local = ipaddress.ip_address(host).is_loopback
        except ValueError:
            local = host in ("localhost", "ip6-localhost")
        if not local and not url.startswith("https://"):
            raise Problem(SETTINGS, "CML_PUBLISHER_URL is neither https nor on this machine, so no password goes there")
        self.via = opener(proxies=False, verify=not local)
        reference = settings.get("secretsmanager_secret_id") or settings.get("ssm_parameter_name")
        self.kept = Kept([url, reference, settings.get("username", "")])
        for name in ("token", "id", "username"):
            setattr(self, name, self.kept.value.get(name, ""))
        self.admin = self.kept.value.get("admin", False)
        self.fresh = False
        secrets.update(filter(None, [self.token]))

    def login(self):
        text, version = read_secret(self.me, self.settings)
        self.username, password, token = account(text, self.settings.get("username", ""))
        self.fresh, self.admin = True, False
        if token:
            self.token, self.id = token, subject(token)
            return
        refused = self.kept.value.get("refused", {})
        if refused.get("version") == version and time.time() < refused.get("until", 0):
            raise Problem(REFUSED, "CML refused the account %s; to keep it from being locked, the next try is at %s, or when the secret has changed"
                          % (self.username, time.strftime("%H:%M:%S UTC", time.gmtime(refused["until"]))))
        body = json.dumps({"username": self.username, "password": password}).encode()
        for path in ("/auth_extended", "/authenticate"):
            status, data = fetch(self.via, "POST", self.base + path, {"Content-Type": "application/json"}, body, timeout=20)
            if status not in (404, 405):
                break
        if status in (401, 403, 429):
            count = refused.get("count", 0) + 1 if refused.get("version") == version else 1
            rest = min(FIRST_REST * 2 ** min(count - 1, 10), LONGEST_REST)
            self.kept.keep(refused={"version": version, "count": count, "until": time.time() + rest})
            raise Problem(REFUSED, "CML refuses the account %s (HTTP %d): correct its password in CML or in the secret. Next try in %d minutes, or when the secret has changed"
                          % (self.username, status, rest // 60))
        if not 200 <= status < 300:
            raise Status(path, status, "")
        answer = loads(data)  # a token, or an object that holds one
        if isinstance(answer, dict):
            self.token, self.id, self.admin = answer.get("token"), answer.get("id"), answer.get("admin") is True
        else:
            self.token, self.id = answer, ""
        if not self.token or not isinstance(self.token, str):
            raise Unreadable("no token in the answer of " + path)
        secrets.add(self.token)
        self.id = self.id if isinstance(self.id, str) and self.id else subject(self.token)
        self.kept.keep(token=self.token, id=self.id, admin=self.admin, username=self.username)

    def open(self, path, timeout=20):
        """Returns the answer to read from. A token that has died is renewed once."""
        if not self.token:
            self.login()
        while True:
            answer = start(self.via, "GET", self.base + path, {"Authorization": "Bearer " + self.token}, None, timeout)
            if 200 <= answer.code < 300:
                return answer
            with answer:
                if answer.code != 401 or self.fresh:
                    raise Status(path, answer.code, description(answer))
            self.login()

    def get(self, path):
        with self.open(path) as answer:
            data = piece(answer.read, MAX_ANSWER + 1)
        if len(data) > MAX_ANSWER:
            raise Unreadable("an answer of more than %d bytes" % MAX_ANSWER)
        return loads(data)

    def ready(self):
        """Says why CML is not, "" when it is."""
        try:
            status, data = fetch(self.via, "GET", self.base + "/system_information", timeout=20)
            if status != 200:
                return "HTTP %d" % status
            return "" if loads(data).get("ready") is True else "it says that it is not ready to start nodes"
        except (Unreachable, Unreadable) as e:
            return str(e)
        except AttributeError:
            return "no CML answers there"

    def user_id(self, name):
        """Returns the id of an account, "" for one that does not exist."""
        if re.match(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", name):
            return name
        try:
            found = self.get("/users/%s/id" % urllib.parse.quote(name, safe=""))
        except Status as e:
            if e.status == 404:
                return ""
            raise
        if not isinstance(found, str):
            raise Unreadable("no id")
        return found


def piece(read, size):
    try:
        return read(size)
    except (OSError, http.client.HTTPException):
        raise Unreadable("the answer breaks off") from None


def description(answer):
    """Returns CML's own words for an error."""
    try:
        text = json.loads(answer.read(MAX_ANSWER))["description"]
        return text[:200] if isinstance(text, str) else ""
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, RecursionError):
        return ""


def subject(token):
    """Returns whose a token is: the claim sub of a JSON Web Token, or ""."""
    try:
        claims = token.split(".")[1]
        sub = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"]
        return sub if isinstance(sub, str) else ""
    except (IndexError, ValueError, KeyError, TypeError, RecursionError):
        return ""


# ---- the values ------------------------------------------------------------

def number(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e18:
        raise Unreadable("CML does not tell the number")
    return value


def running_nodes(stats):
    """Returns the sum over all hosts; without one of them it would be too low."""
    if not stats["computes"]:
        raise Unreadable("CML tells of no host")
    return sum(int(number(compute["stats"]["dominfo"]["running_nodes"])) for compute in stats["computes"].values())


def percent(usage):
    total = number(usage["total"])
    if total <= 0:
        raise Unreadable("CML does not tell the size")
    return min(max(100.0 * number(usage["used"]) / total, 0.0), 100.0)


def elements(read):
    """Yields the objects of a JSON array while it comes. What is held of it at
    a time is bounded, and an array that breaks off is an error."""
    decoder, utf8 = json.JSONDecoder(), codecs.getincrementaldecoder("utf-8")()
    text, at, more, expect = "", 0, True, "["
    while True:
        while at < len(text) and text[at] in " \t\r\n":
            at += 1
        if at < len(text):
            if expect == "[" or expect == ",":
                if expect == "," and text[at] == "]":
                    return
                if text[at] != expect:
                    raise Unreadable("no list of events")
                at, expect = at + 1, "first" if expect == "[" else "{"
                continue
            if expect == "first" and text[at] == "]":
                return
            if text[at] != "{":
                raise Unreadable("an event that is no object")
            try:
                value, at = decoder.raw_decode(text, at)
            except ValueError:
                pass  # it goes on in what is still to come
            except RecursionError:
                raise Unreadable("an event of many levels") from None
            else:
                expect = ","
                yield value
                continue
        if not more:
            raise Unreadable("the list of events breaks off")
        text, at = text[at:], 0
        if len(text) > MAX_EVENT:
            raise Unreadable("an event that is no JSON, or of more than %d bytes" % MAX_EVENT)
        chunk = read(1 << 16)
        more = bool(chunk)
        try:
            text += utf8.decode(chunk, final=not more)
        except UnicodeDecodeError:
            raise Unreadable("no UTF-8") from None


def moment(stamp):
    """Returns the seconds since 1970 of a timestamp of the telemetry; without a zone it is UTC.
    A number is such seconds, or milliseconds, between the years 2001 and 2286: any other
    would make an event so old that the machine looks idle."""
    if isinstance(stamp, (int, float)) and not isinstance(stamp, bool):
        seconds = stamp / 1000 if stamp >= 1e12 else stamp
        return seconds if 1e9 <= seconds < 1e10 else None
    form = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?(?:Z|([+-])(\d\d):?(\d\d))?$", stamp.strip()) if isinstance(stamp, str) else None
    if not form:
        return None
    try:
        at = datetime.datetime.strptime(form.group(1) + form.group(2), "%Y-%m-%d%H:%M:%S")
    except ValueError:
        return None
    seconds = (at - datetime.datetime(1970, 1, 1)).total_seconds() + float(form.group(3) or 0)
    if form.group(4):
        ahead = int(form.group(5)) * 3600 + int(form.group(6)) * 60
        seconds -= ahead if form.group(4) == "+" else -ahead
    return seconds


def activity(event, excluded):
    """Says whether an event means that somebody uses CML. Only user_activity
    tells who caused it."""
    category = event.get("category")
    if not isinstance(category, str) or not category:
        raise Unreadable("an event without category")
    if category != "user_activity":
        return category in ACTIVITY
    data = event.get("data")
    user = data.get("user_id") if isinstance(data, dict) else None
    if not isinstance(user, str) or not user:
        return True
    return user not in excluded and not user.startswith(SYSTEM_USER)


def idle_seconds(cml, excluded):
    """Returns the seconds since the newest activity, by CML's own clock, or since the machine started.
    Events of some kind there always are, our own calls among them: without any, nothing is recorded."""
    end = time.monotonic() + TELEMETRY
    newest, recorded = None, False
    with cml.open("/telemetry/events") as answer:
        try:
            now = email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp()
        except (TypeError, ValueError, IndexError, OverflowError):
            raise Unreadable("no date in the answer") from None

        def read(size):
            if time.monotonic() > end:
                raise Unreadable("the events take longer than %d s" % TELEMETRY)
            return piece(answer.read1, size)
        for event in elements(read):
            recorded = True
            if activity(event, excluded):
                at = moment(event.get("timestamp"))
                if at is None:
                    raise Unreadable("an event %s without a time that can be read" % event["category"])
                newest = at if newest is None else max(newest, at)
    if not recorded:
        raise Unreadable("there are no events at all")
    with open("/proc/uptime", encoding="ascii") as f:
        uptime = float(f.read().split()[0])
    return uptime if newest is None else max(0.0, min(now - newest, uptime))


def labs_started(cml):
    """Counts the started ones of the labs that the account may see. One that is
    no administrator and sees none knows nothing."""
    end, started = time.monotonic() + LABS, 0
    ids = cml.get("/labs?show_all=true")
    if not isinstance(ids, list):
        raise Unreadable("no list of labs")
    if not ids and not cml.admin:
        return None
    for lab in ids:
        if time.monotonic() > end:
            raise Unreadable("to ask %d labs takes longer than %d s" % (len(ids), LABS))
        try:
            started += cml.get("/labs/%s/state" % urllib.parse.quote(lab, safe="")) == "STARTED"
        except Status as e:
            if e.status != 404:  # removed meanwhile
                raise
    return started


UNREADABLE = (Unreachable, Unreadable, Status, OSError, http.client.HTTPException, KeyError, TypeError, AttributeError, ValueError)


class Reading:
    """Collects the values, and whether one is missing that should be there."""

    def __init__(self):
        self.values, self.complete = [], True

    def read(self, what, f):
        """Returns what f does, None where it cannot."""
        try:
            return f()
        except UNREADABLE as e:
            plain = isinstance(e, (Unreachable, Unreadable, Status))
            say("%s: %s" % (what, e if plain else "an answer of another shape (%s)" % type(e).__name__), 4)
            self.complete = False
            return None

    def add(self, name, unit, value):
        if value is not None:
            self.values.append((name, unit, float(value)))


def observe(cml, exclude):
    reading = Reading()
    if not cml.token:
        cml.login()
    stats = reading.read("system_stats cannot be read, so nodes, memory, disk and idleness are not sent", lambda: cml.get("/system_stats"))
    nodes = None
    if stats is not None:
        nodes = reading.read("running nodes cannot be read, so idleness is not sent", lambda: running_nodes(stats))
        reading.add("RunningNodes", "Count", nodes)
        for name, part in (("MemoryPercent", "memory"), ("DiskPercent", "disk")):
            reading.add(name, "Percent", reading.read(part + " cannot be read", lambda: percent(stats["all"][part])))
    if nodes is not None:
        excluded = {cml.id}
        for name in exclude + ([cml.username] if cml.username and not cml.id else []):
            excluded.add(reading.read("the id of %s cannot be read, so its calls count as activity (`exclude_users` takes ids, too)" % name, lambda: cml.user_id(name)))
        idle = reading.read("telemetry cannot be read, so idleness is not sent", lambda: idle_seconds(cml, excluded))
        reading.add("IdleSeconds", "Seconds", 0 if nodes and idle is not None else idle)
    reading.add("LabsStarted", "Count", reading.read("labs cannot be counted", lambda: labs_started(cml)))
    return reading


def publish(me, values):
    form = {"Action": "PutMetricData", "Version": "2010-08-01", "Namespace": "CML/Worker"}
    for i, (name, unit, value) in enumerate(values, 1):
        at = "MetricData.member.%d." % i
        # Without a time it is CloudWatch's own, so that a wrong clock does no harm.
        form.update({at + "MetricName": name, at + "Unit": unit, at + "Value": repr(value),
                     at + "Dimensions.member.1.Name": "InstanceId", at + "Dimensions.member.1.Value": me.id})
    ask_aws(me, "monitoring", me.region, "PutMetricData", {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
            urllib.parse.urlencode(form).encode(), "cloudwatch:PutMetricData (namespace CML/Worker)")


def settings():
    file = os.environ.get("CML_PUBLISHER_CONFIG") or "/etc/cml-publisher.json"
    try:
        with open(file, encoding="utf-8") as f:
            out = json.load(f)
        if bool(out.get("secretsmanager_secret_id")) == bool(out.get("ssm_parameter_name")):
            raise Problem(SETTINGS, file + " needs one of secretsmanager_secret_id and ssm_parameter_name")
        return out
    except (OSError, ValueError, AttributeError) as e:
        raise Problem(SETTINGS, "%s cannot be read: %s" % (file, type(e).__name__)) from None


def run():
    given = settings()
    me = Instance()
    cml = CML(me, given)
    why = cml.ready()
    if why:
        raise Problem(NOT_UP, "CML is not up yet, nothing is sent: " + why)
    try:
        reading = observe(cml, given.get("exclude_users") or [])
    except (Unreachable, Unreadable, Status) as e:
        raise Problem(PARTLY, "no session with CML, nothing is sent: %s" % e) from None
    if reading.values:
        publish(me, reading.values)
        say("%s: sent %s" % (me.id, ", ".join("%s %g" % (name, value) for name, _, value in reading.values)))
    return 0 if reading.complete else PARTLY


def main():
    def too_long(*_):
        raise TooLong()
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(WHOLE_RUN)
    try:
        return run()
    except Problem as e:
        say(str(e), 6 if e.code == NOT_UP else 3)
        return e.code
    except TooLong:
        say("the run takes longer than %d s and is given up" % WHOLE_RUN, 3)
    except Exception as e:  # its text could hold a secret
        at = traceback.extract_tb(e.__traceback__)[-1]
        say("unexpected %s in line %d" % (type(e).__name__, at.lineno), 3)
    return 1


if __name__ == "__main__":
    sys.exit(main())
