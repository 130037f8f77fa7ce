// Rules of the notifier core, each with a text of the source and what it becomes if the rule is broken.
// `from` stands exactly once in its file. The rules are those of mm/mmu_notifier.c; see
// src/notifier/README.md.

const state = "src/notifier/interval-state.ts";
const intervals = "src/notifier/interval-notifiers.ts";
const interval = "src/notifier/interval-notifier.ts";
const start = "src/notifier/start-walk.ts";
const end = "src/notifier/end-walk.ts";
const release = "src/notifier/release-walk.ts";
const registrations = "src/notifier/registrations.ts";
const subscriptions = "src/notifier/subscriptions.ts";
const profile = "src/notifier/profile.ts";
const srcu = "src/blocking/srcu.ts";
const mirrors = "src/notifier/passive-mirrors.ts";

/** @type {readonly { rule: string, file: string, from: string, to: string }[]} */
export const mutants = [
  // Sequence and parity.
  { rule: "the sequence starts at 2", file: state, from: "#sequence = 2;", to: "#sequence = 4;" },
  {
    rule: "a start counts as active",
    file: state,
    from: "this.#active += 1;",
    to: "this.#active += 0;",
  },
  {
    rule: "an overlapping start makes the sequence odd",
    file: state,
    from: "this.#sequence = (this.#sequence | 1) >>> 0;",
    to: "this.#sequence = this.#sequence >>> 0;",
  },
  {
    rule: "a start that overlaps nobody leaves the sequence even",
    file: state,
    from: "if (overlaps) this.freeze();",
    to: "this.freeze();",
  },
  {
    rule: "only the last end makes the sequence even",
    file: state,
    from: "return this.#active === 0 && this.frozen;",
    to: "return this.frozen;",
  },
  {
    rule: "an end leaves an even sequence alone",
    file: state,
    from: "return this.#active === 0 && this.frozen;",
    to: "return this.#active === 0;",
  },
  {
    rule: "an end raises the sequence by one",
    file: state,
    from: "this.#sequence = (this.#sequence + 1) >>> 0;",
    to: "this.#sequence = (this.#sequence + 3) >>> 0;",
  },
  {
    rule: "who is hit gets an odd sequence",
    file: state,
    from: "return (this.#sequence | 1) >>> 0;",
    to: "return this.#sequence;",
  },
  {
    rule: "who is inserted when idle gets the sequence minus one",
    file: state,
    from: "(this.#sequence - 1) >>> 0 : this.sequenceOfStart",
    to: "(this.#sequence + 1) >>> 0 : this.sequenceOfStart",
  },
  {
    rule: "who is inserted while an invalidation is open counts as hit",
    file: state,
    from: "return this.#active === 0 ?",
    to: "return !this.frozen ?",
  },
  // The deferred list and who is woken.
  {
    rule: "the deferred list is done newest first",
    file: state,
    from: "const deferred = [...this.#deferred].reverse();",
    to: "const deferred = [...this.#deferred];",
  },
  {
    rule: "deferred work is done at the thaw",
    file: state,
    from: "        finish(subscriber, work);\n",
    to: "        if (work !== undefined) continue;\n        finish(subscriber, work);\n",
  },
  {
    rule: "a remover does not return before deferred work is done",
    file: state,
    from: "this.#thawing = true;",
    to: "this.#thawing = false;",
  },
  {
    rule: "sleepers are woken at the thaw",
    file: state,
    from: "    this.#thawing = false;\n    this.thawed.wakeAll();",
    to: "    this.#thawing = false;",
  },
  {
    rule: "a remover sleeps until the sequence changes",
    file: state,
    from: "return this.#sequence !== frozenAt;\n  }\n\n  /** Whether a reader",
    to: "return true;\n  }\n\n  /** Whether a reader",
  },
  {
    rule: "a reader sleeps until the sequence changes",
    file: state,
    from: "return this.#disposed || this.#sequence !== frozenAt;",
    to: "return true;",
  },
  // Insertion, removal and the read side of interval notifiers.
  {
    rule: "an insertion while an invalidation is open freezes the tree",
    file: intervals,
    from: "if (state.active !== 0) {",
    to: "if (state.active > 99) {",
  },
  {
    rule: "a frozen tree defers insertions",
    file: intervals,
    from: "const deferred = state.frozen;",
    to: "const deferred = false;",
  },
  {
    rule: "who is deferred is not called",
    file: intervals,
    from: "if (notifier.inTree) notifiers.push(notifier);",
    to: "notifiers.push(notifier);",
  },
  {
    rule: "a frozen tree defers removals",
    file: intervals,
    from: 'else if (state.frozen) return "wait";',
    to: 'else if (state.active > 99) return "wait";',
  },
  {
    rule: "removing a deferred insertion takes it off the list",
    file: intervals,
    from: 'if (deferredWork === "insert") state.undefer(notifier);',
    to: 'if (deferredWork === "insert") void state;',
  },
  {
    rule: "interval notifiers are called in ascending order",
    file: intervals,
    from: "if (a.start < b.start) return -1;",
    to: "if (a.start < b.start) return 1;",
  },
  {
    rule: "equal starts keep the order of insertion",
    file: intervals,
    from: "return a.insertion - b.insertion;",
    to: "return b.insertion - a.insertion;",
  },
  {
    rule: "a reader waits only if its own notifier was hit",
    file: interval,
    from: "if (sequence === state.sequence) {",
    to: "if (state.frozen) {",
  },
  {
    rule: "retry means that the sequence has changed",
    file: interval,
    from: "const retry = this.#sequence !== sequence;",
    to: "const retry = this.#sequence === sequence;",
  },
  {
    rule: "set_seq sets the sequence",
    file: interval,
    from: "setSequence(sequence: number): undefined {\n    this.#sequence = sequence;",
    to: "setSequence(sequence: number): undefined {\n    this.#sequence = Math.min(1, sequence);",
  },
  // Starts: interval phase.
  {
    rule: "the first refusal ends the interval phase",
    file: start,
    from: "while (this.refusal === undefined && this.#at < this.#subscribers.length) {",
    to: "while (this.#at < this.#subscribers.length) {",
  },
  {
    rule: "a refused interval phase is closed",
    file: start,
    from: "          } else {\n            this.#subscriptions.endInterval();\n            this.#finish();",
    to: "          } else {\n            this.#finish();",
  },
  {
    rule: "a refused interval phase skips the list",
    file: start,
    from: "if (this.refusal === undefined && !this.#isClosing) {",
    to: "if (!this.#isClosing) {",
  },
  {
    rule: "an interval notifier cannot refuse in blockable mode",
    file: start,
    from: "if (approved) return;\n    if (this.mayBlock) {",
    to: "if (approved) return;\n    if (this.mayBlock === null) {",
  },
  {
    rule: "an interval notifier that refuses in blockable mode is warned of",
    file: start,
    from: 'this.#subscriptions.warn("interval-refused-blockable", subscriber.name);',
    to: "void 0;",
  },
  {
    rule: "finishes run after a refusal too",
    file: start,
    from: "if (this.#finishes !== undefined && this.#at < this.#finishes.length) return true;",
    to: "if (this.refusal === undefined && this.#finishes !== undefined && this.#at < this.#finishes.length) return true;",
  },
  {
    rule: "finishes run in the order of the starts",
    file: start,
    from: "this.#finishes.push({",
    to: "this.#finishes.unshift({",
  },
  {
    rule: "a finish that comes with a refusal is ignored",
    file: start,
    from: 'if (typeof answer === "function") {\n      this.#finishes ??= [];',
    to: 'if (typeof answer === "object" && answer !== null && "finish" in answer) answer = answer.finish;\n    if (typeof answer === "function") {\n      this.#finishes ??= [];',
  },
  {
    rule: "a locked passive mirror refuses a start that may not wait",
    file: start,
    from: "if (!mirrors.tree.isLocked(subscriber)) {",
    to: "if (!mirrors.tree.isLocked(subscriber) || !this.mayBlock) {",
  },
  {
    rule: "strict: a passive mirror refuses before anything changes",
    file: profile,
    from: "passiveFirst: true,",
    to: "passiveFirst: false,",
  },
  // Starts: list phase and roll-back.
  {
    rule: "the list goes on after a refusal",
    file: start,
    from: "if (this.#nextToStart()) return true;",
    to: "if (this.refusal === undefined && this.#nextToStart()) return true;",
  },
  {
    rule: "the last error wins",
    file: start,
    from: "this.refusal = { errno, by: notifier.name };",
    to: "this.refusal ??= { errno, by: notifier.name };",
  },
  {
    rule: "a refusal rolls the list back since v5.12",
    file: profile,
    from: "rollsBack: true,",
    to: "rollsBack: false,",
  },
  {
    rule: "a refusal does not roll back before v5.12",
    file: profile,
    from: "rollsBack: false,",
    to: "rollsBack: true,",
  },
  {
    rule: "a roll-back calls the end of every notifier, of the refusing one too",
    file: start,
    from: "if (!notifier.linked || notifier.end === undefined) continue;",
    to: "if (!notifier.linked || notifier.end === undefined || notifier.name === this.refusal?.by) continue;",
  },
  {
    rule: "strict: a list refusal closes the interval phase",
    file: profile,
    from: "closesIntervalPhase: true,",
    to: "closesIntervalPhase: false,",
  },
  {
    rule: "v6.12: a list refusal leaves the interval phase open",
    file: start,
    from: "if (!this.leftActive) this.#subscriptions.endInterval();",
    to: "this.#subscriptions.endInterval();",
  },
  {
    rule: "a refusal with another error is warned of",
    file: start,
    from: "(this.mayBlock || errno !== EAGAIN)",
    to: "this.mayBlock",
  },
  {
    rule: "a refusal in blockable mode is warned of",
    file: start,
    from: "(this.mayBlock || errno !== EAGAIN)",
    to: "errno !== EAGAIN",
  },
  {
    rule: "a refusing notifier that has an end is warned of",
    file: start,
    from: "if (profile.rollsBack && notifier.end !== undefined) {",
    to: "if (profile.rollsBack && notifier.end !== undefined && this.mayBlock) {",
  },
  {
    rule: "a blockable start ignores refusals",
    file: start,
    from: "if (this.refusal !== undefined && !this.mayBlock) {",
    to: "if (this.refusal !== undefined) {",
  },
  {
    rule: "starts that may not block run in a non_block section",
    file: start,
    from: "const nonBlockSection = !this.mayBlock && this.#subscriptions.profile.nonBlockSections;",
    to: "const nonBlockSection = this.mayBlock && this.#subscriptions.profile.nonBlockSections;",
  },
  {
    rule: "who is unlinked while the list is walked is not called",
    file: start,
    from: "      // Unlinked since the walk began: the kernel's traversal would not come past it.\n      if (!notifier.linked || !notifier.hasStart) continue;",
    to: "      if (!notifier.hasStart) continue;",
  },
  {
    rule: "a start that may not block tells the callbacks so",
    file: "src/notifier/invalidations.ts",
    from: "return { mm: this.#mm, start, end, event, owner, blockable };",
    to: "return { mm: this.#mm, start, end, event, owner, blockable: blockable || owner === undefined };",
  },
  // Ends.
  {
    rule: "the interval end comes before the list's ends",
    file: end,
    from: "    beginEnd(this.#subscriptions, this.#window, this.#range, this.mayBlock);\n",
    to: "    void beginEnd;\n",
  },
  {
    rule: "ends run newest first, as starts do",
    file: end,
    from: "this.#list = subscriptions.list;",
    to: "this.#list = [...subscriptions.list].reverse();",
  },
  {
    rule: "an end needs no start callback",
    file: end,
    from: "      if (notifier.end !== undefined) return true;\n    }",
    to: "      if (notifier.end !== undefined && notifier.hasStart) return true;\n    }",
  },
  {
    rule: "who was unlinked since the start is not told of the end",
    file: end,
    from: "if (!notifier.linked) continue;",
    to: "if (notifier.users > 99) continue;",
  },
  {
    rule: "ends that may not block run in a non_block section",
    file: end,
    from: 'const nonBlockSection = this.#callback === "end" && !this.mayBlock && profile.nonBlockSections;',
    to: "const nonBlockSection = false && profile.nonBlockSections;",
  },
  // Registration and lifetime.
  {
    rule: "the list is last in, first out",
    file: subscriptions,
    from: "this.#setList([notifier, ...this.list]);",
    to: "this.#setList([...this.list, notifier]);",
  },
  {
    rule: "register waits for open invalidations",
    file: registrations,
    from: "() => this.#subscriptions.openWindows === 0,",
    to: "() => true,",
  },
  {
    rule: "register takes a reference",
    file: registrations,
    from: "this.#references += 1;",
    to: "this.#references += 0;",
  },
  {
    rule: "unregister calls release",
    file: registrations,
    from: "if (notifier.linked) yield* this.#releaseOne(notifier);",
    to: "if (notifier.users > 99) yield* this.#releaseOne(notifier);",
  },
  {
    rule: "unregister after the teardown calls nothing",
    file: registrations,
    from: "if (notifier.linked) yield* this.#releaseOne(notifier);",
    to: "yield* this.#releaseOne(notifier);",
  },
  {
    rule: "unregister waits for running callbacks",
    file: registrations,
    from: "      yield* domain.srcu.synchronize();\n      this.#references -= 1;",
    to: "      void domain.srcu;\n      this.#references -= 1;",
  },
  {
    rule: "get finds a notifier by its ops",
    file: registrations,
    from: "find((one) => one.ops === ops)",
    to: "find((one) => one.ops === null)",
  },
  {
    rule: "get stops at UINT_MAX",
    file: registrations,
    from: "} else if (notifier.users === USERS_MAX) {",
    to: "} else if (notifier.users > USERS_MAX) {",
  },
  {
    rule: "put below zero is warned of and does nothing",
    file: registrations,
    from: "if (notifier.users === 0 || !notifier.counted) {",
    to: "if (notifier.users < 0) {",
  },
  {
    rule: "the last put frees after a grace period",
    file: registrations,
    from: "this.#subscriptions.domain.srcu.call(() => {",
    to: "[0].forEach(() => {",
  },
  {
    rule: "put unlinks only when the last user is gone",
    file: registrations,
    from: "if (users > 0) return;",
    to: "if (users > 1) return;",
  },
  {
    rule: "an interval has at least one byte",
    file: registrations,
    from: "if (BigInt(length) === 0n || last > ADDRESS_MAX) {",
    to: "if (last > ADDRESS_MAX) {",
  },
  {
    rule: "an interval ends within the space",
    file: registrations,
    from: "if (BigInt(length) === 0n || last > ADDRESS_MAX) {",
    to: "if (BigInt(length) === 0n) {",
  },
  {
    rule: "no interval notifier for a dead mm",
    file: registrations,
    from: "if (this.users === 0) {\n      this.#subscriptions.warn",
    to: "if (this.users < 0) {\n      this.#subscriptions.warn",
  },
  {
    rule: "the secondary-TLB callback excludes a start",
    file: registrations,
    from: "if (ops.invalidateRangeStart === undefined && ops.invalidateRangeEnd === undefined) return;",
    to: "if (ops.invalidateRangeEnd === undefined) return;",
  },
  {
    rule: "release tells interval notifiers before the list",
    file: release,
    from: '    this.#phase = "intervals";\n    if (subscriptions.hasIntervalTree) {',
    to: '    this.#phase = "list";\n    this.#list = subscriptions.list;\n    if (subscriptions.hasIntervalTree) {',
  },
  {
    rule: "release does not reach the last byte of the space",
    file: release,
    from: "(1n << 64n) - 2n",
    to: "(1n << 64n) - 1n",
  },
  {
    rule: "release closes its interval phase",
    file: release,
    from: "if (this.#subscriptions.hasIntervalTree) this.#subscriptions.endInterval();",
    to: "void 0;",
  },
  {
    rule: "release unlinks the list",
    file: release,
    from: "for (const notifier of this.#list) this.#subscriptions.unlink(notifier);",
    to: "void 0;",
  },
  // Grace periods and passive mirrors.
  {
    rule: "synchronize waits for who was inside before",
    file: srcu,
    from: "return this.#oldest.number > last;",
    to: "return this.#oldest.number >= last;",
  },
  {
    rule: "synchronize does not wait for who came later",
    file: srcu,
    from: "return this.#oldest.number > last;",
    to: "return !this.busy;",
  },
  {
    rule: "passive mirrors are taken in ascending order",
    file: mirrors,
    from: "const mirrors = [...this.#tree.ordered(start, last)];",
    to: "const mirrors = [...this.#tree.ordered(start, last)].reverse();",
  },
  {
    rule: "a mirror inserted while an invalidation is open freezes the tree",
    file: mirrors,
    from: "if (state.active !== 0) this.#freeze();",
    to: "if (state.active > 99) this.#freeze();",
  },
];
