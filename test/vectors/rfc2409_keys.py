"""The keys of RFC 2409 from the RFC's formulas, by hashlib and hmac alone: cases as JSON in, the same with results out."""

import hashlib
import hmac
import json
import sys


def derive(case):
    name = case["hash"]
    octets = {key: bytes.fromhex(value) for key, value in case["octets"].items()}
    ni, nr, gxy = octets["ni"], octets["nr"], octets["gxy"]
    cky_i, cky_r = octets["cky_i"], octets["cky_r"]

    def prf(key, data):
        return hmac.new(key, data, name).digest()

    def digest(data):
        return hashlib.new(name, data).digest()

    def stretch(start, length):
        """Appendix B: K = K1 | K2 | ..., where the key is longer than what it is taken from."""
        if length <= len(start):
            return start[:length]
        out = last = prf(start, b"\x00")
        while len(out) < length:
            last = prf(start, last)
            out += last
        return out[:length]

    def keymat(skeyid_d, protocol, spi, length, secret):
        """5.5: K1 = prf(SKEYID_d, [g(qm)^xy |] protocol | SPI | Ni_b | Nr_b), and each block from the one before."""
        seed = secret + bytes([protocol]) + spi + ni + nr
        out = last = prf(skeyid_d, seed)
        while len(out) < length:
            last = prf(skeyid_d, last + seed)
            out += last
        return out[:length]

    skeyids = {
        "psk": prf(octets["psk"], ni + nr),
        "signatures": prf(ni + nr, gxy),
        "encryption": prf(digest(ni + nr), cky_i + cky_r),
        "unhashed": prf(ni + nr, cky_i + cky_r),
    }
    results = {}
    for method, skeyid in skeyids.items():
        tail = gxy + cky_i + cky_r
        d = prf(skeyid, tail + b"\x00")
        a = prf(skeyid, d + tail + b"\x01")
        e = prf(skeyid, a + tail + b"\x02")
        gxi, gxr = octets["gxi"], octets["gxr"]
        message_id = octets["message_id"]
        found = {
            "skeyid": skeyid,
            "d": d,
            "a": a,
            "e": e,
            "hash_i": prf(skeyid, gxi + gxr + cky_i + cky_r + octets["sa"] + octets["id_i"]),
            "hash_r": prf(skeyid, gxr + gxi + cky_r + cky_i + octets["sa"] + octets["id_r"]),
            "hash_1": prf(a, message_id + octets["rest"]),
            "hash_2": prf(a, message_id + ni + octets["rest"]),
            "hash_3": prf(a, b"\x00" + message_id + ni + nr),
        }
        for length in case["key_lengths"]:
            found[f"cipher_{length}"] = stretch(e, length)
        for child in case["children"]:
            for pfs in (False, True):
                secret = octets["qm_gxy"] if pfs else b""
                label = f"keymat_{child['protocol']}_{child['length']}_{'pfs' if pfs else 'plain'}"
                found[label] = keymat(d, child["protocol"], octets["spi"], child["length"], secret)
        results[method] = {key: value.hex() for key, value in found.items()}
    for length in case["key_lengths"]:
        results.setdefault("revised", {})[f"ke_i_{length}"] = stretch(prf(ni, cky_i), length).hex()
        results["revised"][f"ke_r_{length}"] = stretch(prf(nr, cky_r), length).hex()
    for block in (8, 16):
        first = digest(octets["gxi"] + octets["gxr"])[:block]
        results.setdefault("iv", {})[f"first_{block}"] = first.hex()
        results["iv"][f"next_{block}"] = digest(first + octets["message_id"])[:block].hex()
    return {**case, "results": results}


json.dump([derive(case) for case in json.load(sys.stdin)], sys.stdout)
