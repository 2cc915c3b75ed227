// The pictures of all cameras in sight, over one connection: a browser has six for one server.

const SHORTEST_MS = 30, RETRY_MS = 1000;

/** Asks for pictures newer than those shown, shows them, and asks again. */
export class Pictures {
  /** show(camera, blob) -> a promise that holds once the picture is there. */
  constructor(show) {
    this.show = show;
    this.seen = new Map();
    this.wanted = new Set();
    this.active = false;
    this.wake = () => {};
    this.run();
  }

  /** Whether a camera is in sight. */
  want(camera, yes) {
    if (yes) this.wanted.add(camera);
    else this.wanted.delete(camera);
    this.turn();
  }

  /** Whether anything is shown at all. Numbers of before may be those of another server. */
  go(yes) {
    if (yes === this.active) return;
    this.active = yes;
    this.seen.clear();
    this.turn();
  }

  turn() {
    if (this.request) this.request.abort();
    this.wake();
  }

  async run() {
    for (;;) {
      if (!this.active || !this.wanted.size) await new Promise((go) => { this.wake = go; });
      else {
        const pause = sleep(SHORTEST_MS);
        await this.fetch().catch((error) => error.name === "AbortError" ? null : sleep(RETRY_MS));
        await pause;
      }
    }
  }

  async fetch() {
    this.request = new AbortController();
    const seen = [...this.wanted].map((name) => [name, this.seen.get(name) ?? 0]);
    const query = new URLSearchParams(seen);
    const response = await fetch("api/pictures?" + query, { signal: this.request.signal });
    if (!response.ok) throw new Error("status " + response.status);
    const body = await response.arrayBuffer();
    this.request = null;
    const shown = [];
    for (const { camera, number, blob } of unpack(body)) {
      this.seen.set(camera, number);
      shown.push(this.show(camera, blob));
    }
    // What a slow machine cannot draw in time, it does not ask for.
    await Promise.all(shown);
  }
}

function unpack(body) {
  const length = new DataView(body).getUint32(0);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(body, 4, length)));
  let at = 4 + length;
  return head.map(({ camera, number, bytes }) => {
    const blob = new Blob([new Uint8Array(body, at, bytes)], { type: "image/jpeg" });
    at += bytes;
    return { camera, number, blob };
  });
}

function sleep(milliseconds) { return new Promise((done) => setTimeout(done, milliseconds)); }
