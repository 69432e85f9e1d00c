// Entry of every page behind the login. Each part listens on the document, so that content swapped in later needs no second start.

import { startAges } from "./age.js";
import { startCurves } from "./curve.js";
import { startLive } from "./live.js";
import { startSearch } from "./search.js";
import { startShell } from "./shell.js";
import { startTree } from "./tree.js";

startShell();
startSearch();
startTree();
startAges();
startLive();
startCurves();
