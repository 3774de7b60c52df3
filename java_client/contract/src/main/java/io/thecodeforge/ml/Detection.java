package io.thecodeforge.ml;

/**
 * One object in an image.
 *
 * @param label the name of its class; {@code unnamed class 3} where the contract does not know the
 *     names
 * @param classId the number of its class in the model, from 1
 * @param score how sure the model is, in [0, 1]
 * @param box where it is
 */
public record Detection(String label, int classId, float score, Box box) {}
