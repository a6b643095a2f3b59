import { Injectable } from '@nestjs/common';
import { isPlimsollError } from '../../../errors/index.js';
import {
  RequestTiming,
  UnifiedImageService,
  type ImageAnswer,
  type ImageRequest,
  type RequestContext,
} from '../../../images/index.js';
import { normaliseSourceUrl } from '../../../remote-fetch/index.js';
import type { PreviewCandidate } from '../../model/bookmark.js';
import { AssetPictures } from './asset-pictures.js';

/** Image parameters as the image routes parse them. */
export type PictureParameters = ImageRequest['parameters'];

/** Pictures of candidates by the one pipeline: original and variant are stored, failures remembered, bytes capped. */
@Injectable()
export class Pictures {
  constructor(
    private readonly images: UnifiedImageService,
    private readonly assets: AssetPictures,
  ) {}

  /** @throws the codes of `UnifiedImageService.get`, and of {@link AssetPictures.bring} for a `karakeep` picture */
  async get(
    candidate: PreviewCandidate,
    parameters: PictureParameters,
    context: RequestContext,
    timing = new RequestTiming(),
  ): Promise<ImageAnswer> {
    const asked = { parameters, delivery: 'bytes' } as const;
    if (candidate.kind !== 'karakeep') {
      const url = normaliseSourceUrl(candidate.url);
      return this.images.get({ ...asked, source: { kind: 'remote', url } }, context, timing);
    }
    const request: ImageRequest = { ...asked, source: this.assets.sourceOf(candidate.url) };
    try {
      return await this.images.get(request, context, timing);
    } catch (error) {
      if (!isPlimsollError(error, 'image-not-found')) throw error;
    }
    // Not fetched yet, or dropped by the store.
    await this.assets.bring(candidate.url, context.signal);
    return this.images.get(request, context, timing);
  }
}
