/**
 * Images on their way into a model.
 *
 * <p>For programs: {@link io.thecodeforge.ml.image.ImageInput}. The rest is for the library's own
 * modules, which check images before anything else does.
 */
package io.thecodeforge.ml.image;
