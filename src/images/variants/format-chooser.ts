import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/index.js';
import { ImageMemoryManager, type ImageHeader, type OutputFormat } from '../../image-memory/index.js';
import type { ImageParameters, ImageRequest } from '../image-request.js';
import { isAvifAffordable, negotiate } from '../negotiation/negotiate.js';
import { variantKey } from '../parameters/variant-key.js';
import { sourceIdentity, type SourceRecord } from '../sources/source-record.js';
import { planTransform, staysAnimated, type TransformPlan } from '../transform/plan-transform.js';

/** One way to answer a request: the plan, and the key under which its result is kept. */
export interface VariantChoice {
  readonly key: string;
  readonly plan: TransformPlan;
}

/**
 * Decides how a request is answered: the format as asked for, else by `Accept`, by the source and by what memory
 * allows.
 */
@Injectable()
export class FormatChooser {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly imageMemory: ImageMemoryManager,
  ) {}

  /**
   * Best first. All may be looked up; only the last may be made now: while memory is short, or when the best could
   * never fit, a cheaper one follows it. AVIF by name is obeyed as long as it can fit: another format is no answer to it.
   */
  choices(request: ImageRequest, record: SourceRecord, accept: string | undefined): readonly VariantChoice[] {
    const best = this.choice(request, record, accept, false);
    const fits = this.imageMemory.canEverFit(this.imageMemory.estimate(record.header, best.plan.operation));
    const isNamed = request.parameters.format === 'avif';
    if (fits && (isNamed || !this.imageMemory.prefersCheapWork())) return [best];
    return [best, this.choice(request, record, accept, true)];
  }

  private choice(
    request: ImageRequest,
    record: SourceRecord,
    accept: string | undefined,
    cheaper: boolean,
  ): VariantChoice {
    const plan = this.plan(request.parameters, record.header, accept, cheaper);
    const key = variantKey(
      `${sourceIdentity(request.source)}#${record.sha256}`,
      request.parameters,
      plan.operation.format,
      {
        defaultQuality: this.settings.values.IMAGE_DEFAULT_QUALITY,
        maxOutputSide: this.settings.values.IMAGE_MAX_OUTPUT_SIDE,
        cheaper: plan.cheaper,
      },
    );
    return { key, plan };
  }

  private plan(
    parameters: ImageParameters,
    header: ImageHeader,
    accept: string | undefined,
    cheaper: boolean,
  ): TransformPlan {
    // An SVG is never passed on as it is: `original` then means "rasterised, format by Accept".
    const requested = parameters.format === 'original' ? 'auto' : parameters.format;
    const facts = {
      format: header.format,
      hasAlpha: header.hasAlpha && parameters.background === undefined,
      animated: staysAnimated(header, parameters),
    };
    const planAs = (format: OutputFormat): TransformPlan =>
      planTransform(header, parameters, format, this.settings, { cheaper });
    const plan = planAs(negotiate(accept, requested, facts, { avifAllowed: true, cheaper }));
    const { format, outputWidth, outputHeight } = plan.operation;
    if (requested !== 'auto' || format !== 'avif' || isAvifAffordable(outputWidth, outputHeight)) return plan;
    return planAs(negotiate(accept, requested, facts, { avifAllowed: false, cheaper }));
  }
}
