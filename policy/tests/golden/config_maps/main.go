// Says what Velero makes of ConfigMaps of volume policies and of resource modifiers, each a YAML document in a file of
// cases.json. The module's path lies below Velero's, so that Go lets it use Velero's internal packages.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/vmware-tanzu/velero/internal/resourcemodifiers"
	"github.com/vmware-tanzu/velero/internal/resourcepolicies"
	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
)

type verdict struct {
	For   string `json:"for"`
	Text  string `json:"text"`
	Error string `json:"error"`
}

func judge(of, text string) error {
	configMap := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "velero", Name: "it"},
		Data:       map[string]string{"it": text},
	}
	if of == "modifiers" {
		modifiers, err := resourcemodifiers.GetResourceModifiersFromConfig(configMap)
		if err != nil {
			return err
		}
		return modifiers.Validate()
	}
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return fmt.Errorf("scheme: %w", err)
	}
	client := fake.NewClientBuilder().WithScheme(scheme).WithObjects(configMap).Build()
	reference := &corev1.TypedLocalObjectReference{Kind: "configmap", Name: "it"}
	log := logrus.New()
	log.SetOutput(os.Stderr)
	log.SetLevel(logrus.PanicLevel)
	meta := metav1.ObjectMeta{Namespace: "velero", Name: "b"}
	if of == "restore" {
		restore := &velerov1.Restore{ObjectMeta: meta, Spec: velerov1.RestoreSpec{ResourcePolicy: reference}}
		_, err := resourcepolicies.GetResourcePoliciesFromRestore(context.Background(), restore, client, log)
		return err
	}
	backup := velerov1.Backup{ObjectMeta: meta, Spec: velerov1.BackupSpec{ResourcePolicy: reference}}
	_, err := resourcepolicies.GetResourcePoliciesFromBackup(backup, client, log)
	return err
}

func main() {
	var cases map[string][]string
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	verdicts := []verdict{}
	for _, of := range []string{"backup", "restore", "modifiers"} {
		texts := cases[of]
		if of == "restore" {
			texts = append(texts, cases["backup"]...)
		}
		for _, text := range texts {
			said := verdict{For: of, Text: text}
			if err := judge(of, text); err != nil {
				said.Error = err.Error()
			}
			verdicts = append(verdicts, said)
		}
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", " ")
	if err := out.Encode(verdicts); err != nil {
		panic(err)
	}
}
