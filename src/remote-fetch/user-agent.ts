/** What origins are told; the version is compared with package.json by a test. */
export const USER_AGENT = 'Plimsoll/0.1.0';
