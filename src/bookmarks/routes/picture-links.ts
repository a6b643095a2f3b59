/**
 * Links to the pictures of bookmarks, for pages that show them: a browser sends no token with a picture. Made by
 * `http`, which decides who may call.
 */
export interface BookmarkPictureLinks {
  /** Whether a link ends some day. */
  readonly expire: boolean;
  /** The path of a picture, with what opens it. */
  sign(path: string): string;
}

/** Injection token of {@link BookmarkPictureLinks}. */
export const PICTURE_LINKS = Symbol('PICTURE_LINKS');
