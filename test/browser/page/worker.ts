import { createEngine } from "intervalidate";
import { type Usage, useLibrary } from "./use-library.ts";

let result: Usage | string;
try {
  result = useLibrary(createEngine());
} catch (error) {
  result = String(error);
}
postMessage(result);
