/**
 * What the library costs beside a bare session and a bare stub, and what a long life does to its
 * memory; {@code make bench-java} runs it.
 */
package io.thecodeforge.ml.benchmarks;
