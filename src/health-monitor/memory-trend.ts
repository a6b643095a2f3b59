/** One point of the history. */
export interface MemoryPoint {
  /** Epoch ms. */
  readonly at: number;
  readonly rssBytes: number;
}

export interface MemoryTrend {
  /** Slope of RSS, bytes a minute; negative when it falls. */
  readonly bytesPerMinute: number;
  /** Share of the variation that the line explains (R², 0 to 1): a slope with a low one means nothing. */
  readonly confidence: number;
  readonly points: number;
  /** Time that the points span, ms. */
  readonly windowMs: number;
}

/** Fewer points fit any line. */
const FEWEST_POINTS = 5;

const MINUTE_MS = 60_000;

/** Least-squares line through the points; `null` when there are too few or all were taken at once. */
export function trendOf(points: readonly MemoryPoint[]): MemoryTrend | null {
  const first = points[0];
  const last = points.at(-1);
  if (points.length < FEWEST_POINTS || first === undefined || last === undefined) return null;
  const minutes = points.map(({ at }) => (at - first.at) / MINUTE_MS);
  const meanX = mean(minutes);
  const meanY = mean(points.map(({ rssBytes }) => rssBytes));
  let covariance = 0;
  let varianceX = 0;
  let varianceY = 0;
  points.forEach(({ rssBytes }, index) => {
    const dx = (minutes[index] ?? 0) - meanX;
    const dy = rssBytes - meanY;
    covariance += dx * dy;
    varianceX += dx * dx;
    varianceY += dy * dy;
  });
  if (varianceX === 0) return null;
  return {
    bytesPerMinute: covariance / varianceX,
    // A flat line explains everything there is to explain.
    confidence: varianceY === 0 ? 1 : covariance ** 2 / (varianceX * varianceY),
    points: points.length,
    windowMs: last.at - first.at,
  };
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
