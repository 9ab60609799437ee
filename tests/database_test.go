package tests

import "testing"

// A cluster is created empty, and its first instance becomes the writer, whatever its name is.
func TestWriterIsFirstAndPreferred(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		instances := s.some("aws_rds_cluster_instance")
		writer := s.find("aws_rds_cluster_instance", "identifier", "paymentdb-"+s.suffix+"-writer")
		s.service().waitsFor(writer)
		for _, instance := range instances {
			if instance.Name == writer.Name {
				instance.want("promotion_tier", 0)
				continue
			}
			instance.waitsFor(writer)
			instance.want("promotion_tier", 2) // one of tier 0 or 1 would always be as large as the writer
		}
		readers := s.environment.Database.Readers
		if len(instances) != readers+1 || s.production() && readers == 0 {
			s.Errorf("there are %d instances, expected a writer and %d readers, of which production has some (RDS.15)",
				len(instances), readers)
		}
	})
}
