const ascending = (values) => [...values].sort((a, b) => a - b);

/** The value below which the share `q` (0 to 1) of all values lies; `NaN` of nothing. */
export function quantile(values, q) {
  if (values.length === 0) return Number.NaN;
  const sorted = ascending(values);
  const position = (sorted.length - 1) * q;
  const low = Math.floor(position);
  const rest = position - low;
  return rest === 0 ? sorted[low] : sorted[low] * (1 - rest) + sorted[low + 1] * rest;
}

export const median = (values) => quantile(values, 0.5);

/** (largest − smallest) / median, in percent: what a reader may doubt of a figure. */
export function spreadPercent(values) {
  return (100 * (Math.max(...values) - Math.min(...values))) / median(values);
}

/**
 * Least squares through (x, y).
 *
 * @returns slope in y per x and its standard error, both `NaN` below three points
 */
export function regression(points) {
  const n = points.length;
  if (n < 3) return { slope: Number.NaN, standardError: Number.NaN };
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / n;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / n;
  const sxx = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const slope = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / sxx;
  const residuals = points.reduce((sum, [x, y]) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  return { slope, standardError: Math.sqrt(residuals / (n - 2) / sxx) };
}
