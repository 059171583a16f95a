import assert from "node:assert/strict";
import { test } from "node:test";

import { Lake } from "../../clients/lake.js";

const NOW = new Date("2026-11-01T09:30:00Z");

/** Storage as browsers have it, which promise no order of keys. */
class Kept {
  #values = new Map();
  constructor(room = Infinity) {
    this.room = room;
  }
  get length() {
    return this.#values.size;
  }
  key(index) {
    return [...this.#values.keys()].at(-1 - index) ?? null;
  }
  getItem(key) {
    return this.#values.get(key) ?? null;
  }
  setItem(key, value) {
    if (!this.#values.has(key) && this.#values.size >= this.room) throw new Error("QuotaExceededError");
    this.#values.set(key, value);
  }
  removeItem(key) {
    this.#values.delete(key);
  }
}

/** A window: navigator, document and events. */
class Page extends EventTarget {
  document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  beacons = [];
  constructor({ onLine = true, locks } = {}) {
    super();
    this.navigator = { onLine, locks, sendBeacon: (url, body) => this.beacons.push({ url, events: JSON.parse(body) }) > 0 };
  }
  hide() {
    this.document.visibilityState = "hidden";
    this.document.dispatchEvent(new Event("visibilitychange"));
    this.dispatchEvent(new Event("pagehide"));
  }
}

/** One lock for each name, in the order of asking. */
class Locks {
  #last = new Map();
  async request(name, work) {
    const before = this.#last.get(name);
    const mine = (async () => {
      await before;
      await new Promise(setImmediate);
      return work();
    })();
    this.#last.set(name, mine);
    return mine;
  }
}

/** A collector that answers as told (statuses, one for each request, then 202), and what it was sent. */
function collector(...answers) {
  const requests = [];
  const fetch = async (url, { headers, body }) => {
    const { status = 202, ...more } = answers.shift() ?? {};
    requests.push({ url, headers, status, events: JSON.parse(body) });
    if (status === 0) throw new TypeError("fetch failed");
    return new Response(null, { status, headers: more });
  };
  return { fetch, requests, taken: () => requests.filter((each) => each.status === 202).flatMap((each) => each.events) };
}

function client(door, more = {}) {
  const waits = [];
  const problems = [];
  const settings = { url: "https://events.example/v1/events", key: "k/1", fetch: door.fetch, now: () => NOW, page: new Page() };
  const wait = async (milliseconds) => void waits.push(milliseconds);
  const lake = new Lake({ ...settings, wait, onerror: (problem) => problems.push(problem), ...more });
  return { lake, waits, problems };
}

const settled = () => new Promise((done) => setTimeout(done, 20));
const pages = (events) => events.map((each) => each.data.page);
const numbers = (events) => events.map((each) => each.producer_seq);
const identity = ({ sent_at, ...rest }) => rest;

test("an event has what the door needs of it", async () => {
  const door = collector();
  const { lake } = client(door, { metadata: { channel: "web" } });
  const event_id = lake.track("page_viewed", { page: 1 }, { occurred_at: "2026-10-31T23:00:00Z" });
  lake.track("page_viewed", { page: 2 });
  await lake.flush();
  const [{ url, headers, events }] = door.requests;
  const [first, second] = events;
  assert.deepEqual([url, headers.authorization], ["https://events.example/v1/events", "Bearer k/1"]);
  assert.match(event_id, /^[0-9a-f-]{36}$/);
  assert.match(first.producer, /^[0-9a-f-]{36}$/);
  assert.deepEqual(first, {
    event_type: "page_viewed",
    event_id,
    occurred_at: "2026-10-31T23:00:00Z",
    channel: "web",
    data: { page: 1 },
    producer: first.producer,
    producer_seq: 0,
    sent_at: NOW.toISOString(),
  });
  assert.equal(second.occurred_at, NOW.toISOString());
});

test("queue and count outlive a restart", async () => {
  const storage = new Kept();
  const { lake: gone } = client(collector(), { storage, page: new Page({ onLine: false }) });
  gone.track("page_viewed", { page: 1 });
  gone.track("page_viewed", { page: 2 });
  await settled();
  const door = collector();
  const { lake } = client(door, { storage });
  lake.track("page_viewed", { page: 3 });
  await lake.flush();
  assert.deepEqual([pages(door.taken()), numbers(door.taken())], [[1, 2, 3], [0, 1, 2]]); // prettier-ignore
  assert.equal(new Set(door.taken().map((each) => each.producer)).size, 1);
  const { lake: later } = client(door, { storage });
  later.track("page_viewed", { page: 4 });
  await later.flush();
  assert.deepEqual(numbers(door.taken()), [0, 1, 2, 3]);
});

test("what is left from before is sent without being asked for", async () => {
  const storage = new Kept();
  client(collector(), { storage, page: new Page({ onLine: false }) }).lake.track("page_viewed", { page: 1 });
  await settled();
  const door = collector();
  client(door, { storage });
  await settled();
  assert.deepEqual(pages(door.taken()), [1]);
});

test("what is sent again is the same event, and waits grow", async () => {
  const door = collector({ status: 0 }, { status: 503 }, { status: 500 }, { status: 408 });
  const { lake, waits } = client(door);
  lake.track("page_viewed", { page: 1 });
  await lake.flush();
  const sent = door.requests.map((each) => each.events.map(identity));
  assert.equal(sent.length, 5);
  for (const again of sent) assert.deepEqual(again, sent[0]);
  waits.forEach((wait, at) => assert.ok(wait >= 500 * 2 ** at && wait <= 1000 * 2 ** at, `wait ${at}: ${wait}`));
});

test("the collector says how long to wait", async () => {
  const door = collector({ status: 429, "retry-after": "7" }, { status: 503, "retry-after": new Date(+NOW + 90_000).toUTCString() });
  const { lake, waits } = client(door);
  lake.track("page_viewed");
  await lake.flush();
  assert.ok(waits[0] >= 7_000 && waits[0] <= 8_000, `${waits[0]}`);
  assert.ok(waits[1] >= 90_000 && waits[1] <= 92_000, `${waits[1]}`);
});

test("what is too large is parted, and one too large alone is handed over", async () => {
  const large = { fetch: undefined, problems: [] };
  const door = collector();
  large.fetch = async (url, request) => {
    const events = JSON.parse(request.body);
    if (events.length > 2 || events.some((each) => each.data.page === 3)) return new Response(null, { status: 413 });
    return door.fetch(url, request);
  };
  const { lake, problems } = client(large);
  for (let page = 0; page < 7; page++) lake.track("page_viewed", { page });
  await lake.flush();
  assert.deepEqual(pages(door.taken()), [0, 1, 2, 4, 5, 6]);
  assert.deepEqual(problems.map((each) => [each.status, JSON.parse(each.event).data.page]), [[413, 3]]); // prettier-ignore
});

test("a refusal stops all, keeps all, and is told once", async () => {
  for (const status of [400, 401, 403, 404]) {
    const storage = new Kept();
    const door = collector({ status });
    const { lake, problems } = client(door, { storage });
    lake.track("page_viewed", { page: 1 });
    await settled();
    lake.track("page_viewed", { page: 2 });
    await settled();
    assert.deepEqual([door.requests.length, problems.map((each) => each.status)], [1, [status]]);
    await lake.flush();
    assert.deepEqual([pages(door.taken()), numbers(door.taken())], [[1, 2], [0, 1]]); // prettier-ignore
  }
});

test("a flush is rejected where the collector refuses", async () => {
  const { lake } = client(collector({ status: 401 }, { status: 401 }));
  lake.track("page_viewed");
  await assert.rejects(lake.flush(), { status: 401 });
  await assert.rejects(lake.flush(), { status: 401 });
});

test("a page that is left sends beacons, once, and keeps what nobody acknowledged", async () => {
  const storage = new Kept();
  const page = new Page({ onLine: false });
  const { lake } = client(collector(), { storage, page });
  lake.track("page_viewed", { page: 1 });
  lake.track("page_viewed", { page: 2 });
  page.hide();
  assert.equal(page.beacons.length, 1);
  assert.equal(page.beacons[0].url, "https://events.example/v1/events?key=k%2F1");
  const door = collector();
  await client(door, { storage }).lake.flush();
  assert.deepEqual(door.taken(), page.beacons[0].events);
  assert.deepEqual(numbers(door.taken()), [0, 1]);
});

test("a beacon is small, and none follows one that the browser did not take", async () => {
  const page = new Page({ onLine: false });
  const { lake } = client(collector(), { page });
  const sizes = [];
  page.navigator.sendBeacon = (_, body) => sizes.push(body.length) < 3;
  for (let n = 0; n < 20; n++) lake.track("page_viewed", { text: "x".repeat(20_000) });
  page.hide();
  assert.equal(sizes.length, 4, "two taken; the third is not, and is tried once more when the page is hidden for good");
  assert.ok(Math.max(...sizes) < 65_536);
});

test("order is kept, in requests of at most 50 events and 256 KiB", async () => {
  const door = collector({}, { status: 503 });
  const { lake } = client(door, { storage: new Kept() });
  for (let page = 0; page < 120; page++) lake.track("page_viewed", { page, text: "é".repeat(page < 60 ? 1 : 20_000) });
  await lake.flush();
  const all = Array.from({ length: 120 }, (_, n) => n);
  assert.deepEqual([pages(door.taken()), numbers(door.taken())], [all, all]);
  assert.ok(door.requests.every((each) => each.events.length <= 50));
  assert.ok(door.requests.every((each) => Buffer.byteLength(JSON.stringify(each.events)) <= 257 * 1024));
});

test("while there is no network nothing is sent, and then all is", async () => {
  const door = collector();
  const page = new Page({ onLine: false });
  const { lake } = client(door, { page });
  lake.track("page_viewed", { page: 1 });
  await settled();
  lake.track("page_viewed", { page: 2 });
  await settled();
  assert.equal(door.requests.length, 0);
  page.navigator.onLine = true;
  page.dispatchEvent(new Event("online"));
  await lake.flush();
  assert.deepEqual(pages(door.taken()), [1, 2]);
});

test("tabs share one queue and one count", async () => {
  const storage = new Kept();
  const door = collector();
  const locks = new Locks();
  const tabs = [1, 2, 3].map(() => client(door, { storage, page: new Page({ locks }) }).lake);
  for (let round = 0; round < 20; round++) {
    tabs.forEach((lake) => lake.track("page_viewed"));
    if (round % 5 === 0) await settled();
  }
  await Promise.all(tabs.map((lake) => lake.flush()));
  assert.deepEqual(numbers(door.taken()), Array.from({ length: 60 }, (_, n) => n));
  assert.equal(new Set(door.taken().map((each) => each.event_id)).size, 60);
  assert.equal(new Set(door.taken().map((each) => each.producer)).size, 1);
});

test("storage that is full or forbidden loses nothing while the page lives", async () => {
  const forbidden = new Page();
  Object.defineProperty(forbidden, "localStorage", { get: () => assert.fail("SecurityError") });
  for (const more of [{ storage: new Kept(4) }, { page: forbidden }]) {
    const door = collector({ status: 503 });
    const { lake } = client(door, more);
    for (let page = 0; page < 9; page++) lake.track("page_viewed", { page });
    await lake.flush();
    assert.deepEqual([pages(door.taken()), numbers(door.taken())], [[0, 1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 2, 3, 4, 5, 6, 7, 8]]); // prettier-ignore
  }
});

test("clients that share no storage count by themselves", async () => {
  const door = collector();
  const named = client(door, { producer: "till-3" }).lake;
  const other = client(door).lake;
  named.track("page_viewed");
  other.track("page_viewed");
  await Promise.all([named.flush(), other.flush()]);
  const producers = door.taken().map((each) => each.producer);
  assert.deepEqual([numbers(door.taken()), producers.includes("till-3"), new Set(producers).size], [[0, 0], true, 2]);
});
