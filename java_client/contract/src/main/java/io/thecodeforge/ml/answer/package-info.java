/**
 * A model's outputs as plain values, read into what a program gets, wherever they came from.
 *
 * <p>For the library's own modules: no part of what a program should call.
 */
package io.thecodeforge.ml.answer;
