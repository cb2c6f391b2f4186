"""What receive.py needs beside cryptography: its keyring, its replay window, and the records in a payload."""
import json
import os
import sqlite3
import time

import cbor2
from paho.mqtt.client import topic_matches_sub

SENML_JSON, PLAIN_CBOR = 110, 60
CONTENT_TYPES = {None: None, SENML_JSON: SENML_JSON, PLAIN_CBOR: PLAIN_CBOR}  # none: SenML as CBOR
LABELS = {-4: "bu", -3: "bt", -2: "bn", 0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 6: "t"}  # RFC 8428 §6


def records(payload, content_type):
    """SenML in its JSON form, or a command's result. Labels that devices do not write are an error."""
    if content_type == PLAIN_CBOR:
        return cbor2.loads(payload)
    if content_type == SENML_JSON:
        return json.loads(payload)
    return [{LABELS[label]: value for label, value in record.items()} for record in cbor2.loads(payload)]


class Keyring:
    """docs/receivers.md. Only its owner may read the file."""

    def __init__(self, path):
        if os.stat(path).st_mode & 0o077:
            raise ValueError(f"{path}: others than its owner may read it (chmod 600)")
        with open(path, encoding="utf-8") as file:
            entries = json.load(file)["keys"]
        # One for each signer that a recipient knows.
        self.entries = [{**entry, "signer": by} for entry in entries for by in entry.get("signers", [None])]

    def for_topic(self, topic):
        """The entries that a message from a device may be opened with. Commands go the other way."""
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        for entry in self.entries:
            # Names of topics; of a recipient, filters.
            topics = entry.get("topics", [entry.get("topic")])
            expiries = [one["until"] for one in (entry, entry["signer"] or {}) if "until" in one]
            if entry.get("direction") == "down" or any(now >= until[:19] for until in expiries):
                continue
            if any(topic_matches_sub(one, topic) for one in topics):
                yield entry


class ReplayWindow:
    """Which counters were seen of each device, epoch and topic: one SQLite file, for all receivers on a machine."""

    size = 4096  # counters that are told apart, the highest included

    def __init__(self, path):
        self.db = sqlite3.connect(path, timeout=10, isolation_level=None)
        self.db.execute(
            "CREATE TABLE IF NOT EXISTS seen (device TEXT, epoch INTEGER, topic TEXT, counter INTEGER, identity BLOB,"
            " PRIMARY KEY (device, epoch, topic, counter)) WITHOUT ROWID"
        )

    def verdict(self, entry, topic, counter, identity):
        """Verdict, sender and counter of a message that an entry opens; without a counter nobody vouches for it."""
        if counter is None:
            return "unauthenticated", "-", "-"
        owner = entry["signer"] or entry
        return self.admit(owner["device"], owner["epoch"], topic, counter, identity), owner["device"], counter

    def admit(self, device, epoch, topic, counter, identity):
        """A counter is fresh once: one transaction, so for all who share the file."""
        stream = device, epoch, topic
        those = "FROM seen WHERE device = ? AND epoch = ? AND topic = ?"
        with self.db:
            self.db.execute("BEGIN IMMEDIATE")
            [highest] = self.db.execute(f"SELECT max(counter) {those}", stream).fetchone()
            found = self.db.execute(f"SELECT identity {those} AND counter = ?", (*stream, counter)).fetchone()
            if found:
                return "duplicate" if found[0] == identity else "conflict"
            if highest is not None and counter <= highest - self.size:
                return "stale"
            self.db.execute("INSERT INTO seen VALUES (?, ?, ?, ?, ?)", (*stream, counter, identity))
            below = max(counter, highest or 0) - self.size
            self.db.execute(f"DELETE {those} AND counter <= ?", (*stream, below))
            return "fresh"
