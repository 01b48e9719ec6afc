import { matrixDocument } from "./document.ts";

console.log(matrixDocument().trimEnd());
