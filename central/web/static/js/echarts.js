// The chart library, fetched when the first chart appears.

import { texts } from "./texts.js";

let library = null;

export function loadCharts() {
  return (library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = texts.chart;
    script.onload = () => resolve(window.echarts);
    script.onerror = reject;
    document.head.append(script);
  }));
}
