/**
 * Images on their way into a model, as both ways in check them before anything else does.
 *
 * <p>For the library's own modules: no part of what a program should call.
 */
package io.thecodeforge.ml.image;
