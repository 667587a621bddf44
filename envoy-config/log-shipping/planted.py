"""What is planted in payloads, and how what arrived is compared with what was sent."""

# In two parts, so that no token stands whole in the repository. They are made up.
TOKEN = "ghp_" + "Ky9Pf34qY6Nb3wWD25RQ4F5ZR3qa7y3gm1IL"
KEY_ID = "AKIA" + "Z7QXK3M5N2P4R6T2"
MAIL = "jane.doe@" + "initech-mail.com"
PASSWORD = "Tr0ub4dor" + "-x9Kq2"
PLANTED = [TOKEN, KEY_ID, MAIL, PASSWORD]
LINE = f"clone with {TOKEN} as {MAIL}, übermäßig 😀"


def compare(was, now, path=""):
    """Where two decoded values differ otherwise than by redaction; strings of counted formats keep their length."""
    if hasattr(was, "ListFields"):  # a message of protobuf
        fields = {f.name: (f, v) for f, v in was.ListFields()}
        others = {f.name: v for f, v in now.ListFields()}
        if fields.keys() != others.keys():
            raise AssertionError(f"{path}: fields {sorted(fields)} became {sorted(others)}")
        for name, (field, value) in fields.items():
            compare(value, others[name], f"{path}.{name}")
    elif isinstance(was, dict):
        if list(was) != list(now):
            raise AssertionError(f"{path}: keys {list(was)} became {list(now)}")
        for key in was:
            compare(was[key], now[key], f"{path}.{key}")
    elif isinstance(was, str):
        if was != now and not redacts(was, now):
            raise AssertionError(f"{path}: {now!r} is not {was!r} redacted")
    elif hasattr(was, "__len__") and not isinstance(was, bytes):
        if len(was) != len(now):
            raise AssertionError(f"{path}: {len(was)} values became {len(now)}")
        for index, (a, b) in enumerate(zip(was, now)):
            compare(a, b, f"{path}[{index}]")
    elif was != now:
        raise AssertionError(f"{path}: {was!r} became {now!r}")


def redacts(was, now):
    """Whether only planted values went: every other piece of the text is still there, in order."""
    rest = was
    for value in PLANTED:
        rest = rest.replace(value, "\0")
    at = 0
    for piece in filter(None, rest.split("\0")):
        at = now.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return rest != was
