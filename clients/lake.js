/**
 * Sends events to the collector (`lake collect`): numbered without gaps, and queued until they are acknowledged.
 * One file without dependencies, for browsers (`<script type="module">`) and for Node from 18 on.
 *
 * @typedef {object} Settings
 * @property {string} url Where the collector takes events, such as `https://events.shop.example/v1/events`.
 * @property {string} key From `lake keys add`. Whoever sees the page sees it; it allows to write and nothing else.
 * @property {string} [producer] Name of this client, made up if left out. Clients that share no storage may share no name.
 * @property {Record<string, unknown>} [metadata] Of every event, such as `{channel: "web"}`.
 * @property {Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">} [storage] localStorage or memory if left out.
 * @property {string} [name] What keys in the storage begin with.
 * @property {(problem: Error & {status: number, event?: string}) => void} [onerror] Told where a human is needed: the collector
 *   refuses for good (all is kept, and sending stops until `flush`), or an event was taken out as too large (`problem.event`).
 * @property {number} [maxBatch] Events of one request.
 * @property {typeof fetch} [fetch]
 * @property {() => Date} [now]
 * @property {(milliseconds: number) => Promise<void>} [wait]
 * @property {any} [page] The window, or what stands for it.
 */

const crypto = globalThis.crypto ?? (await import("node:crypto")).webcrypto;
const [REQUEST_BYTES, BEACON_BYTES] = [256 * 1024, 60_000]; // about; browsers take 64 KiB of beacons that are under way
const [LEAST_WAIT, MOST_WAIT, ANSWER_WITHIN] = [1_000, 60_000, 30_000];

export class Lake {
  #uncounted = /** @type {string[]} */ ([]);
  #beaconed = /** @type {Set<string>} */ (new Set());
  #sending = /** @type {Promise<void> | undefined} */ (undefined);
  #refusal = /** @type {Error | undefined} */ (undefined);

  constructor(/** @type {Settings} */ settings) {
    const page = settings.page ?? globalThis;
    const usual = { name: "lake", metadata: {}, onerror: console.error, maxBatch: 50, now: () => new Date(), wait: sleep };
    this.settings = { ...usual, fetch: globalThis.fetch.bind(globalThis), ...settings, page };
    this.batch = this.settings.maxBatch;
    this.queue = new Queue(this.settings);
    page.document?.addEventListener("visibilitychange", () => page.document.visibilityState === "hidden" && this.#leave());
    page.addEventListener?.("pagehide", () => this.#leave());
    this.#sending = this.#drain();
  }

  /** Queue an event, its data as its contract has it, to be sent in a moment. Metadata: `occurred_at` where it happened earlier, and
   *  what else it may say of itself. @returns {string} Its event_id. */
  track(/** @type {string} */ event_type, /** @type {object} */ data = {}, /** @type {Record<string, unknown>} */ metadata = {}) {
    const stamped = { event_type, event_id: crypto.randomUUID(), occurred_at: this.settings.now().toISOString() };
    const event = { ...stamped, ...this.settings.metadata, ...metadata, data };
    this.#uncounted.push(JSON.stringify(event));
    this.#alone("count", () => this.#count());
    if (!this.#refusal) this.#sending ??= this.#drain();
    return event.event_id;
  }

  /** Send what is queued, even after a refusal: done when all is acknowledged, rejected where the collector refuses for good. */
  async flush() {
    this.#refusal = undefined;
    await (this.#sending ??= this.#drain());
    if (this.#refusal) throw this.#refusal;
  }

  async #drain() {
    await null; // events of one moment share a request
    const { page, wait } = this.settings;
    try {
      for (let failures = 0; !this.#refusal; ) {
        await this.#alone("count", () => this.#count());
        if (!this.queue.keys().length) break;
        while (page.navigator?.onLine === false) await new Promise((done) => page.addEventListener("online", done, { once: true }));
        const again = await this.#alone("send", () => this.#sendOldest());
        failures = again === undefined ? 0 : failures + 1;
        if (again !== undefined) await wait(again + backoff(failures));
      }
    } finally {
      this.#sending = undefined; // at once, so that an event tracked from here on starts another
    }
  }

  /** Number what was tracked and store it; an event keeps its number, however often it is sent. */
  #count() {
    for (const event of this.#uncounted.splice(0)) this.queue.add(event);
  }

  /** @returns {Promise<number | undefined>} Milliseconds to wait at least, where the same is to be sent again. */
  async #sendOldest() {
    const { url, key, fetch, now, onerror, maxBatch } = this.settings;
    const events = this.#oldest(this.batch, REQUEST_BYTES);
    if (!events.length) return undefined; // another tab has sent them
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const request = { method: "POST", headers, body: this.#body(events), signal: AbortSignal.timeout(ANSWER_WITHIN) };
    const answer = await fetch(url, request).catch(() => undefined);
    if (!answer) return 0;
    if (answer.status >= 500 || [408, 425, 429].includes(answer.status)) return retryAfter(answer, now());
    if (answer.ok) {
      events.forEach((each) => this.queue.remove(each.key));
      this.batch = Math.min(maxBatch, this.batch * 2);
    } else if (answer.status === 413) this.#part(events);
    else onerror((this.#refusal = problem(`The collector answers ${answer.status}; events are kept.`, answer.status)));
    return undefined;
  }

  /** Halve the next request. An event that is too large alone would stop all behind it, so it is handed over and taken out. */
  #part(/** @type {{key: string, text: string}[]} */ events) {
    this.batch = Math.ceil(events.length / 2);
    if (events.length > 1) return;
    this.queue.remove(events[0].key);
    this.settings.onerror(problem("An event is too large for the collector and was taken out.", 413, events[0].text));
  }

  /** The page may be going, when nobody waits for locks or answers. Nobody hears whether a beacon arrives, so all stays queued. */
  #leave() {
    this.#count();
    const { url, key, page, maxBatch } = this.settings;
    for (let more = !this.#refusal; more; ) {
      const events = this.#oldest(maxBatch, BEACON_BYTES, this.#beaconed);
      more = events.length > 0 && page.navigator?.sendBeacon?.(`${url}?key=${encodeURIComponent(key)}`, this.#body(events));
      if (more) events.forEach((each) => this.#beaconed.add(each.key));
    }
  }

  /** The oldest events that go into one request; at least one where there is any. */
  #oldest(/** @type {number} */ most, /** @type {number} */ bytes, /** @type {Set<string>} */ without = new Set()) {
    const found = /** @type {{key: string, text: string}[]} */ ([]);
    for (const key of this.queue.keys().filter((each) => !without.has(each)).slice(0, most)) {
      const text = this.queue.get(key) ?? ""; // gone where another tab has just sent it
      bytes -= new TextEncoder().encode(text).length;
      if (bytes < 0 && found.length) break;
      if (text) found.push({ key, text });
    }
    return found;
  }

  #body(/** @type {{key: string, text: string}[]} */ events) {
    const sent_at = this.settings.now().toISOString();
    return `[${events.map((each) => extended(each.text, { sent_at }))}]`;
  }

  /** Work while no other tab does the same; where there are no locks, at once. */
  async #alone(/** @type {string} */ what, /** @type {() => any} */ work) {
    const locks = this.settings.page.navigator?.locks;
    return locks ? locks.request(`${this.settings.name}:${what}`, work) : work();
  }
}

/** Events under a key each, so that tabs never write over each other's; in memory what the storage does not take. */
class Queue {
  held = /** @type {Map<string, string>} */ (new Map());
  storage = /** @type {any} */ (undefined);

  constructor(/** @type {Pick<Settings, "storage" | "producer" | "page"> & {name: string}} */ { storage, producer, page, name }) {
    this.name = name;
    this.producer = producer;
    try {
      this.storage = storage ?? (page.document && page.localStorage);
    } catch {} // a browser that keeps nothing for this page
  }

  add(/** @type {string} */ event) {
    const producer = this.producer ?? this.get(`${this.name}:producer`) ?? this.put(`${this.name}:producer`, crypto.randomUUID());
    const producer_seq = Number(this.get(`${this.name}:next:${producer}`) ?? 0);
    this.put(`${this.name}:next:${producer}`, `${producer_seq + 1}`);
    const place = `${producer_seq}`.padStart(16, "0"); // so that keys sort as numbers do
    this.put(`${this.name}:event:${place}:${crypto.randomUUID()}`, extended(event, { producer, producer_seq }));
  }

  keys() {
    const stored = Array.from({ length: this.storage?.length ?? 0 }, (_, at) => this.storage.key(at) ?? "");
    return [...stored, ...this.held.keys()].filter((key) => key.startsWith(`${this.name}:event:`)).sort();
  }

  get(/** @type {string} */ key) {
    return this.held.get(key) ?? this.storage?.getItem(key) ?? undefined;
  }

  put(/** @type {string} */ key, /** @type {string} */ value) {
    try {
      this.storage.setItem(key, value);
      this.held.delete(key);
    } catch {
      this.held.set(key, value); // there is no storage, or it is full
    }
    return value;
  }

  remove(/** @type {string} */ key) {
    this.held.delete(key);
    this.storage?.removeItem(key);
  }
}

/** Milliseconds that an answer asks to wait, by seconds or by a time. */
function retryAfter(/** @type {Response} */ answer, /** @type {Date} */ now) {
  const told = answer.headers.get("retry-after") ?? "0";
  return Math.max(0, Number(told) * 1000 || Date.parse(told) - now.getTime() || 0);
}

const backoff = (/** @type {number} */ failures) => Math.min(MOST_WAIT, LEAST_WAIT * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
const sleep = (/** @type {number} */ milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const problem = (/** @type {string} */ text, /** @type {number} */ status, event = "") => Object.assign(new Error(text), { status, event });
/** A JSON object, not an empty one, with more fields at its end. */
const extended = (/** @type {string} */ text, /** @type {object} */ more) => `${text.slice(0, -1)},${JSON.stringify(more).slice(1)}`;
