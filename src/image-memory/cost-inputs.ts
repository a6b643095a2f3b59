/** Header and operation with insane numbers brought into range. */
export interface CostInputs {
  /** One frame as it is stored. */
  readonly width: number;
  readonly height: number;
  readonly bytesPerPixel: number;
  readonly fileBytes: number;
  readonly pages: number;
  /** One frame as the decoder hands it on. */
  readonly shrunkWidth: number;
  readonly shrunkHeight: number;
  /** One frame scaled to cover the result; more than the result where it is cropped. */
  readonly scaledPixels: number;
  /** One frame of the result. */
  readonly outputWidth: number;
  readonly outputHeight: number;
}
