// Entry of every page behind the login. Each part listens on the document, so that content swapped in later needs no second start.

import { startAges } from "./age.js";
import { startAlarms } from "./alarms.js";
import { startCharts } from "./chart.js";
import { startCurves } from "./curve.js";
import { startLive } from "./live.js";
import { startRange } from "./range.js";
import { startSearch } from "./search.js";
import { startShell } from "./shell.js";
import { startTables } from "./table.js";
import { startTree } from "./tree.js";

startShell();
startSearch();
startTree();
startRange();
startAges();
startAlarms();
startLive();
startTables();
startCurves();
startCharts();
