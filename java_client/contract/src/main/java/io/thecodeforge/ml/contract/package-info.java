/**
 * The signature contract as Java reads it: the twin of {@code signature_contract/contract.py}.
 *
 * <p>Both read the same JSON files and find the same differences with the same words, so that a
 * model refused on one side is refused on the other for the same stated reason.
 */
package io.thecodeforge.ml.contract;
