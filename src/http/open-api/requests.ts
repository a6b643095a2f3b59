import { PARAMETERS, type ParameterName } from '../../images/index.js';

interface ParameterObject {
  readonly in: 'query' | 'header';
  readonly name: string;
  readonly required: boolean;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

/** What a route takes that its controller reads by hand, where the library sees nothing. */
export interface RequestParts {
  readonly parameters: readonly ParameterObject[];
  /** Types of a body that is streamed, and what it is. */
  readonly file?: { readonly types: readonly string[]; readonly description: string };
  /** Types under which the same JSON is taken beside `application/json`. */
  readonly alsoJson?: readonly string[];
}

/** The parameters of the image routes, from the table of their room, but for some. */
const imageParameters = (...without: readonly ParameterName[]): readonly ParameterObject[] =>
  (Object.keys(PARAMETERS) as ParameterName[])
    .filter((name) => !without.includes(name))
    .map((name) => {
      const { allowed, fallback, effect } = PARAMETERS[name];
      return {
        in: 'query' as const,
        name,
        required: name === 'url',
        description: `${effect} Allowed: ${allowed}. Default: ${fallback}.`,
        schema: { type: 'string' },
      };
    });

const THEME: ParameterObject = {
  in: 'query',
  name: 'theme',
  required: false,
  description: '`dark` inverts a dark mark on a transparent ground.',
  schema: { type: 'string', enum: ['light', 'dark'], default: 'light' },
};

const header = (name: string, description: string): ParameterObject => ({
  in: 'header',
  name,
  required: false,
  description,
  schema: { type: 'string' },
});

const IF_NONE_MATCH = header(
  'If-None-Match',
  'ETags that the client has; one that still holds is answered 304.',
);
const IF_MATCH = header(
  'If-Match',
  'The ETag that the client has seen; 412 when the bookmark has changed since.',
);
const MERGE_PATCH = ['application/merge-patch+json'] as const;

const ofRemote: RequestParts = { parameters: [...imageParameters(), IF_NONE_MATCH] };
const ofUpload: RequestParts = { parameters: [...imageParameters('url'), IF_NONE_MATCH] };

/** By method and path as they stand in the table of policies. */
export const REQUEST_PARTS: Readonly<Record<string, RequestParts>> = {
  'GET /api/images': ofRemote,
  'GET /api/images/metadata': ofRemote,
  'GET /api/images/placeholder': ofRemote,
  'GET /api/images/:id': ofUpload,
  'GET /api/images/:id/metadata': ofUpload,
  'GET /api/images/:id/placeholder': ofUpload,
  'POST /api/images': {
    parameters: [],
    file: { types: ['image/*', 'application/octet-stream'], description: 'The image.' },
  },
  'GET /api/bookmarks/:id': { parameters: [IF_NONE_MATCH] },
  'PATCH /api/bookmarks/:id': { parameters: [IF_MATCH], alsoJson: MERGE_PATCH },
  'DELETE /api/bookmarks/:id': { parameters: [IF_MATCH] },
  'GET /api/bookmarks/:id/image': { parameters: [...imageParameters('url', 'delivery'), IF_NONE_MATCH] },
  'POST /api/bookmarks/import': {
    parameters: [],
    file: {
      types: [
        'text/html',
        'application/json',
        'text/csv',
        'text/plain',
        'application/x-ndjson',
        'application/octet-stream',
      ],
      description: 'The file; its bytes decide what it is.',
    },
  },
  'PATCH /api/tags/:id': { parameters: [], alsoJson: MERGE_PATCH },
  'GET /api/icons/:domain': { parameters: [...imageParameters('url'), THEME, IF_NONE_MATCH] },
};

type Schema = Readonly<Record<string, unknown>>;

/** The body of a route that takes a file: as it is, or as the part `file` of a form. */
export function fileBody({ types, description }: NonNullable<RequestParts['file']>): {
  readonly required: true;
  readonly description: string;
  readonly content: Record<string, { readonly schema: Schema }>;
} {
  const bytes: Schema = { type: 'string', format: 'binary' };
  return {
    required: true,
    description,
    content: {
      ...Object.fromEntries(types.map((type) => [type, { schema: bytes }])),
      'multipart/form-data': {
        schema: { type: 'object', required: ['file'], properties: { file: bytes } },
      },
    },
  };
}
