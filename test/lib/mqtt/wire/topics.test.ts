import {
  checkTopicFilter,
  checkTopicName,
  hasWildcard,
  sharedFilter,
  topicMatches,
} from "../../../../lib/mqtt/wire/topics.js";
import { equal, test, throws } from "../../../device/harness.js";

test("a topic name has a character and no wildcards [MQTT-4.7.3-1, MQTT-3.3.2-2]", () => {
  for (const topic of ["a", "/", "a//b", "$SYS/x", "$share/g/a", "ä b"]) checkTopicName(topic);
  for (const topic of ["", "a/+/b", "#", "a#", "b+"])
    throws(() => checkTopicName(topic), RangeError, /topic/);
  throws(() => checkTopicName("a\u0000"), RangeError, /U\+0000/);
  throws(() => checkTopicName(1 as unknown as string), TypeError, /topic/);
});

test("+ and # are a level of their own, # the last [MQTT-4.7.1-1, MQTT-4.7.1-2]", () => {
  const good = ["#", "+", "a", "/", "a/#", "/#", "+/#", "a/+/b", "/+", "+/", "+/+", "a//#", "$SYS/#", " "];
  const bad = ["", "a#", "#/a", "a/#/b", "##", "#/", "a+", "+a", "a/b+/c", "++", "+#", "a/+#"];
  for (const version of [4, 5] as const) {
    for (const filter of good) checkTopicFilter(filter, version);
    for (const filter of bad) throws(() => checkTopicFilter(filter, version), RangeError, /topic filter/);
  }
});

test("a shared subscription has a name and a filter [MQTT-4.8.2-1, MQTT-4.8.2-2]", () => {
  const good = ["$share/g/a", "$share/g//a", "$share/g/#", "$share/g/+/b", "$share/$g/$SYS/a", "$share/g//"];
  const bad = ["$share/", "$share//", "$share//a", "$share/g", "$share/g/", "$share/g+/a", "$share/#/a"];
  for (const filter of good) checkTopicFilter(filter, 5);
  for (const filter of bad) throws(() => checkTopicFilter(filter, 5), RangeError);
  throws(() => checkTopicFilter("$share/g/a#", 5), RangeError, /topic filter/);
  for (const filter of ["$share", "$shared/g", "share/g/a", "a/$share/"]) checkTopicFilter(filter, 5);
});

test("3.1.1 knows no shared subscriptions: $share is a level like any other", () => {
  for (const filter of ["$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a"])
    checkTopicFilter(filter, 4);
  throws(() => checkTopicFilter("$share/g+/a", 4), RangeError, /topic filter/);
});

test("what is shared is what follows the name", () => {
  equal(sharedFilter("$share/consumer1/sport/tennis/+"), "sport/tennis/+");
  equal(sharedFilter("$share/consumer1//finance"), "/finance");
  equal(sharedFilter("$share/consumer1"), undefined);
  equal(sharedFilter("$shared/a/b"), undefined);
  equal(sharedFilter("a/b"), undefined);
});

test("wildcards are found in any place", () => {
  equal(["a", "a/+", "#", "$share/g/a"].map(hasWildcard), [false, true, true, false]);
});

test("the standard's examples of matching (§4.7.1, §4.7.2)", () => {
  const cases: [filter: string, yes: string[], no: string[]][] = [
    [
      "sport/tennis/player1/#",
      ["sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/wimbledon"],
      ["sport/tennis/player2", "sport/tennis/player11", "sport/tennis"],
    ],
    ["sport/#", ["sport", "sport/", "sport/a/b"], ["sports", "/sport"]],
    ["#", ["a", "a/b", "/", "/a/"], ["$SYS", "$SYS/a"]],
    [
      "sport/tennis/+",
      ["sport/tennis/player1", "sport/tennis/player2", "sport/tennis/"],
      ["sport/tennis/player1/ranking", "sport/tennis"],
    ],
    ["sport/+", ["sport/"], ["sport"]],
    ["+/+", ["/finance", "a/b"], ["finance", "a/b/c", "$SYS/a"]],
    ["/+", ["/finance"], ["finance", "a/finance"]],
    ["+", ["finance", ""], ["/finance", "$a"]],
    ["+/monitor/Clients", ["a/monitor/Clients"], ["$SYS/monitor/Clients"]],
    ["$SYS/#", ["$SYS", "$SYS/", "$SYS/a/b"], ["a", "SYS/a"]],
    ["$SYS/monitor/+", ["$SYS/monitor/Clients"], ["$SYS/monitor"]],
    ["a/$b/+", ["a/$b/c"], ["a/b/c"]],
    ["+/$b", ["a/$b"], []],
    ["+/tennis/#", ["/tennis", "a/tennis/b"], ["tennis"]],
    ["ACCOUNTS", ["ACCOUNTS"], ["Accounts", "ACCOUNTS/"]],
    ["/finance", ["/finance"], ["finance", "/finance/"]],
  ];
  for (const [filter, yes, no] of cases) {
    for (const topic of yes) equal(topicMatches(filter, topic), true, `${filter} ${topic}`);
    for (const topic of no) equal(topicMatches(filter, topic), false, `${filter} ${topic}`);
  }
});
