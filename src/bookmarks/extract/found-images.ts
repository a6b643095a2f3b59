/** Most pictures of one kind that are kept. */
const MAX_IMAGES = 12;

/** A picture as found; its URL is not resolved yet. */
export interface FoundImage {
  url?: string;
  secureUrl?: string;
  width?: number;
  height?: number;
  type?: string;
}

/**
 * Pairs `og:image` with the structured properties after it (ogp.me/#structured, #array): each `og:image` begins a
 * picture, `:url` is another name of it, `:secure_url`, `:width`, `:height`, `:type` describe it.
 */
export class FoundImages {
  private readonly images: FoundImage[] = [];

  get all(): readonly FoundImage[] {
    return this.images.filter(({ url, secureUrl }) => url !== undefined || secureUrl !== undefined);
  }

  /** @param part what follows `og:image:`, or nothing */
  add(part: string, value: string): void {
    const current = this.images.at(-1);
    switch (part) {
      case '':
        // Properties that came before their picture wait in one without a URL.
        if (current !== undefined && current.url === undefined) current.url = value;
        else this.begin({ url: value });
        break;
      case 'url':
        if (current === undefined) this.begin({ url: value });
        else if (current.url === undefined) current.url = value;
        else if (current.url !== value) this.begin({ url: value });
        break;
      case 'secure_url':
        if (current === undefined || current.secureUrl !== undefined) this.begin({ secureUrl: value });
        else current.secureUrl = value;
        break;
      case 'width':
      case 'height':
        this.describe({ [part]: parsePixels(value) });
        break;
      case 'type':
        if (/^image\/[\w.+-]{1,40}$/i.test(value)) this.describe({ type: value.toLowerCase() });
        break;
      default:
    }
  }

  private begin(image: FoundImage): void {
    if (this.images.length < MAX_IMAGES) this.images.push(image);
  }

  private describe(part: Partial<FoundImage>): void {
    if (this.images.length === 0) this.begin({});
    const current = this.images.at(-1);
    if (current === undefined) return;
    for (const [name, value] of Object.entries(part)) {
      if (value !== undefined && !(name in current)) Object.assign(current, { [name]: value });
    }
  }
}

/** A count of pixels such as `1200` or `1200px`. */
export function parsePixels(value: string | undefined): number | undefined {
  const match = /^\s*(\d{1,5})(?:\.\d+)?\s*(?:px)?\s*$/i.exec(value ?? '');
  const pixels = Number(match?.[1]);
  return match !== null && pixels > 0 ? pixels : undefined;
}
