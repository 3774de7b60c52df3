/** The way to a model inside this process, on TensorFlow Java. */
package io.thecodeforge.ml.embedded;
