/** The signature contract in a JUnit 5 test suite. */
package io.thecodeforge.ml.junit;
