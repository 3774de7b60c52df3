package org.example.photos;

import io.thecodeforge.ml.Classification;
import io.thecodeforge.ml.Detection;
import io.thecodeforge.ml.InvalidInputException;
import io.thecodeforge.ml.grpc.DeadlineExceededException;
import io.thecodeforge.ml.grpc.ServerUnavailableException;
import io.thecodeforge.ml.model.VisionModel;
import java.util.List;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ProblemDetail;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** One photograph a request: a whole JPEG or PNG file is the body. */
@RestController
class PhotoController {

  // Not forms, whose bodies Spring takes apart.
  private static final String IMAGE = "image/*";
  private static final String BYTES = MediaType.APPLICATION_OCTET_STREAM_VALUE;

  private final VisionModel model;
  private final ModelCalls calls;

  PhotoController(VisionModel model, ModelCalls calls) {
    this.model = model;
    this.calls = calls;
  }

  /** Returns the likeliest classes, the likeliest first. */
  @PostMapping(
      path = "/classify",
      consumes = {IMAGE, BYTES})
  List<Classification.Guess> classify(
      @RequestBody byte[] image, @RequestParam(defaultValue = "3") int top) {
    return calls.measured("classify", () -> model.classify(image)).top(top);
  }

  /** Returns what is in the picture, the surest first; boxes are fractions of its size. */
  @PostMapping(
      path = "/detect",
      consumes = {IMAGE, BYTES})
  List<Detection> detect(
      @RequestBody byte[] image, @RequestParam(defaultValue = "0.5") float minScore) {
    return calls.measured("detect", () -> model.detect(image)).minScore(minScore).stream().toList();
  }

  @ExceptionHandler
  ProblemDetail noImage(InvalidInputException e) {
    return ProblemDetail.forStatusAndDetail(HttpStatus.UNPROCESSABLE_ENTITY, e.getMessage());
  }

  @ExceptionHandler
  ProblemDetail wrongNumber(IllegalArgumentException e) {
    return ProblemDetail.forStatusAndDetail(HttpStatus.BAD_REQUEST, e.getMessage());
  }

  @ExceptionHandler
  ProblemDetail otherKindOfModel(UnsupportedOperationException e) {
    return ProblemDetail.forStatusAndDetail(HttpStatus.NOT_FOUND, e.getMessage());
  }

  @ExceptionHandler
  ProblemDetail noServer(ServerUnavailableException e) {
    return ProblemDetail.forStatusAndDetail(HttpStatus.SERVICE_UNAVAILABLE, e.getMessage());
  }

  @ExceptionHandler
  ProblemDetail tooLate(DeadlineExceededException e) {
    return ProblemDetail.forStatusAndDetail(HttpStatus.GATEWAY_TIMEOUT, e.getMessage());
  }
}
