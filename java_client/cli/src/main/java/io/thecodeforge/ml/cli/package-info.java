/** The command line over both ways in. */
package io.thecodeforge.ml.cli;
