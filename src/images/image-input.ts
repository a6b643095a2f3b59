/** The bytes of a picture: a file, which sharp opens itself, or a buffer, which must not change meanwhile. */
export type ImageInput = string | Buffer;
