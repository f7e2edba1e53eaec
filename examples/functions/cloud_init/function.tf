variable "cml_password" {
  type      = string
  ephemeral = true # reaches the machine, but neither plan nor state
}

resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = "ami-0123456789abcdef0"
  instance_type      = "m8i.2xlarge"
  subnet_ids         = ["subnet-0123456789abcdef0"]
  security_group_ids = ["sg-0123456789abcdef0"]

  iam_instance_profile = "cml-worker"

  user_data_wo = provider::cml::cloud_init({
    hostname  = "lab-01"
    admin     = { username = "admin", password = var.cml_password }
    system    = { username = "sysadmin", password = var.cml_password }
    publisher = { secretsmanager_secret_id = "cml/lab-01/publisher" } # needs iam_instance_profile

    files = [{
      path        = "/etc/motd"
      content     = "Managed by Terraform.\n"
      permissions = "0644"
    }]
    commands = [
      "echo \"set up at $(date)\" >> /var/log/lab.log", # for the shell
      ["timedatectl", "set-timezone", "Europe/Berlin"], # taken literally
    ]
  })
  user_data_wo_version = 1
}
