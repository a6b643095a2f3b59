/**
 * What an SVG may hold here: static shapes, text, paint servers, clipping and filters. Everything that runs, moves,
 * embeds other documents or reaches outside is missing on purpose: script, foreignObject, iframe, audio, video,
 * animate, set, handler, feImage, a (its children stay).
 */
export const SVG_ELEMENTS: ReadonlySet<string> = new Set(
  (
    'svg g defs symbol use switch title desc style path rect circle ellipse line polyline polygon text tspan textPath ' +
    'image linearGradient radialGradient stop pattern clipPath mask marker filter feBlend feColorMatrix ' +
    'feComponentTransfer feComposite feConvolveMatrix feDiffuseLighting feDisplacementMap feDistantLight feDropShadow ' +
    'feFlood feFuncA feFuncB feFuncG feFuncR feGaussianBlur feMerge feMergeNode feMorphology feOffset fePointLight ' +
    'feSpecularLighting feSpotLight feTile feTurbulence'
  ).split(' '),
);

/** Attributes without a namespace; `href`, `xlink:href` and `style` are looked at one by one. */
export const SVG_ATTRIBUTES: ReadonlySet<string> = new Set(
  (
    'id class style lang version viewBox preserveAspectRatio width height x y x1 y1 x2 y2 cx cy r rx ry fx fy fr d ' +
    'points pathLength transform transform-origin gradientUnits gradientTransform spreadMethod offset patternUnits ' +
    'patternContentUnits patternTransform clipPathUnits maskUnits maskContentUnits markerUnits markerWidth ' +
    'markerHeight refX refY orient filterUnits primitiveUnits filterRes dx dy rotate textLength lengthAdjust ' +
    'startOffset method spacing side in in2 result type values mode operator k1 k2 k3 k4 order kernelMatrix divisor ' +
    'bias targetX targetY edgeMode kernelUnitLength preserveAlpha surfaceScale diffuseConstant specularConstant ' +
    'specularExponent limitingConeAngle pointsAtX pointsAtY pointsAtZ azimuth elevation z scale xChannelSelector ' +
    'yChannelSelector stdDeviation radius baseFrequency numOctaves seed stitchTiles tableValues slope intercept ' +
    'amplitude exponent systemLanguage requiredFeatures requiredExtensions alignment-baseline baseline-shift clip ' +
    'clip-path clip-rule color color-interpolation color-interpolation-filters color-rendering cursor direction ' +
    'display dominant-baseline enable-background fill fill-opacity fill-rule filter flood-color flood-opacity font ' +
    'font-family font-size font-size-adjust font-stretch font-style font-variant font-weight image-rendering isolation ' +
    'kerning letter-spacing lighting-color marker marker-end marker-mid marker-start mask mask-type mix-blend-mode ' +
    'opacity overflow paint-order shape-rendering stop-color stop-opacity stroke stroke-dasharray stroke-dashoffset ' +
    'stroke-linecap stroke-linejoin stroke-miterlimit stroke-opacity stroke-width text-anchor text-decoration ' +
    'text-overflow text-rendering unicode-bidi vector-effect visibility white-space word-spacing writing-mode'
  ).split(' '),
);

/** Elements whose text is content. */
export const SVG_TEXT_ELEMENTS: ReadonlySet<string> = new Set([
  'text',
  'tspan',
  'textPath',
  'title',
  'desc',
  'style',
]);
