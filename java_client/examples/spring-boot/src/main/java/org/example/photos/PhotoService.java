package org.example.photos;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.properties.ConfigurationPropertiesScan;

/** Answers photographs over HTTP, with a model in this process or on a server. */
@SpringBootApplication
@ConfigurationPropertiesScan
public class PhotoService {

  /** Starts the service. */
  public static void main(String[] arguments) {
    SpringApplication.run(PhotoService.class, arguments);
  }
}
