import type { Rule } from "../rule.ts";

/** A range has a first and a last byte. */
export const rangeShape: Rule = {
  ids: ["V34"],
  watch(audit) {
    return {
      on: {
        "invalidate-enter"({ mm, window, start, end }) {
          // An end of 0 is that of the space; only [0, 0) is nothing then.
          if (start < end || (start > 0 && end <= 0)) return;
          const shape = start > end ? "inverted" : "empty";
          const message = `the range [0x${start.toString(16)}, 0x${end.toString(16)}) of window ${window} is ${shape}`;
          audit.report("V34", { mm, notifier: null, window, message });
        },
      },
    };
  },
};
